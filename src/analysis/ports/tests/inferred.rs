//! What the choice of ports tells.

use super::*;

#[test]
fn ports_of_the_other_parity_tell_of_bind_before_connect() {
    let scattered = [101, 104, 109, 117];
    let bound: Vec<_> = scattered
        .map(|port| connection(port, "10.0.0.9:80", State::Established))
        .to_vec();
    let other = connection(100, "10.0.0.9:81", State::Established);
    let report = report(
        &reading(limits(), &[&bound[..], &[other]].concat()),
        None,
        by(By::Tuple),
    );
    let of = |port| {
        report
            .tuples
            .iter()
            .find(|row| row.destination.unwrap().port == port)
            .unwrap()
    };
    assert_eq!(
        (of(80).bound_first, of(80).free, of(80).free_likely),
        (Some(3), 16, 16)
    );
    assert_eq!(
        (of(81).bound_first, of(81).free, of(81).free_likely),
        (Some(0), 19, 16)
    );
    assert_eq!(report.namespaces[0].bound_first, 3);
}

#[test]
fn a_port_known_to_be_chosen_at_connect_was_not_bound() {
    let mut all = open(2, "10.0.0.9:80");
    all.iter_mut()
        .for_each(|one| one.port_at_connect = Some(true));
    all.push(connection(107, "10.0.0.9:80", State::Established));
    assert_eq!(only(&reading(limits(), &all)).bound_first, Some(1));

    // The first parity was spent once; the other one remains.
    let mut rest = [101, 103, 104].map(|port| connection(port, "10.0.0.9:80", State::Established));
    rest.iter_mut()
        .for_each(|one| one.port_at_connect = Some(true));
    assert_eq!(only(&reading(limits(), &rest)).bound_first, Some(0));
}

#[test]
fn ports_that_are_left_of_a_peak_were_not_bound() {
    let mut all: Vec<_> = (100..=119)
        .map(|port| connection(port, "10.0.0.9:80", State::Established))
        .collect();
    all.retain(|one| ![100, 104, 108, 111, 113, 117].contains(&one.local.port));
    let row = only(&reading(limits(), &all));
    assert_eq!(
        (row.used, row.bound_first),
        (14, Some(0)),
        "7 even and 7 odd"
    );
}

/// By an application that binds with SO_REUSEADDR to ports of its own choice.
#[test]
fn ports_of_the_other_parity_tell_of_bind_towards_two_destinations_too() {
    let third = connection(100, "10.0.0.9:82", State::Established);
    let all = [to_two([101, 103, 105]), vec![third]].concat();
    let report = report(&reading(limits(), &all), None, by(By::Tuple));
    assert_eq!(report.namespaces[0].bound_first, 3);
    let mut rows = report.tuples.iter();
    let third = rows.find(|row| row.destination.unwrap().port == 82);
    let third = third.unwrap();
    assert_eq!((third.free, third.free_likely), (19, 16));
    assert_eq!(report.incomplete, []);
}

/// Sockets with a port range of their own may share ports as well.
#[test]
fn ports_of_both_parities_that_two_destinations_share_tell_nothing() {
    let all = to_two([101, 102, 103, 104]);
    let report = report(&reading(limits(), &all), None, by(By::Tuple));
    let is = |row: &TupleReport| (row.bound_first, row.free, row.free_likely);
    let rows: Vec<_> = report.tuples.iter().map(is).collect();
    assert_eq!(rows, [(None, 16, 16); 2]);
    let missing: Vec<_> = report.incomplete.iter().map(|one| &one.what[..]).collect();
    assert_eq!(missing, ["bound_first"]);
}

#[test]
fn ports_of_connect_are_shared_by_chance() {
    let all = to_two([100, 102, 104, 106]);
    let report = report(&reading(limits(), &all), None, by(By::Tuple));
    assert!(report.tuples.iter().all(|row| row.bound_first == Some(0)));
}

fn to_two<const N: usize>(ports: [u16; N]) -> Vec<Connection> {
    let both = ["10.0.0.9:80", "10.0.0.9:81"];
    both.iter().flat_map(|to| established(ports, to)).collect()
}

/// Unbound sockets keep ports from those that are bound to an interface, and not the reverse.
#[test]
fn a_tuple_of_an_interface_takes_the_other_parity_when_unbound_sockets_have_the_first() {
    let bound = |mut one: Connection| {
        one.local.interface = 7;
        one
    };
    let odd = [101, 105, 109, 113];
    let of_interface = established(odd, "10.0.0.9:80").into_iter().map(bound);
    let all: Vec<_> = open(10, "10.0.0.9:80")
        .into_iter()
        .chain(of_interface)
        .collect();
    let report = report(&reading(limits(), &all), None, by(By::Tuple));
    let is = |row: &TupleReport| (row.used, row.bound_first, row.free, row.free_likely);
    let mut rows: Vec<_> = report.tuples.iter().map(is).collect();
    rows.sort_unstable();
    assert_eq!(rows, [(4, None, 6, 6), (10, Some(0), 10, 10)]);
    assert_eq!(report.namespaces[0].bound_first, 0);

    let odd = established(odd, "10.0.0.9:80");
    let all: Vec<_> = open(10, "10.0.0.9:80")
        .into_iter()
        .map(bound)
        .chain(odd)
        .collect();
    let report = super::report(&reading(limits(), &all), None, by(By::Tuple));
    assert_eq!(report.namespaces[0].bound_first, 4, "bind() chose these");
}

#[test]
fn when_bind_has_taken_all_of_its_own_it_takes_those_of_connect_too() {
    let to = ["10.0.0.9:80", "10.0.0.9:81", "10.0.0.9:82", "10.0.0.9:83"];
    let in_turn = [
        117, 103, 111, 119, 101, 105, 113, 109, 115, 107, 100, 110, 104, 118, 106, 112, 102, 114,
        108, 116,
    ];
    let turns = in_turn.iter().zip(to.iter().cycle());
    let all: Vec<_> = turns
        .map(|(port, to)| connection(*port, to, State::Established))
        .collect();
    let report = report(&reading(limits(), &all), None, by(By::Tuple));
    assert_eq!(report.namespaces[0].bound_first, 20);
    assert_eq!(report.namespaces[0].state, Pressure::LikelyExhausted);
    for row in &report.tuples {
        let is = (row.used, row.free, row.free_likely, row.state);
        assert_eq!(is, (5, 15, 0, Pressure::LikelyExhausted));
    }
}

#[test]
fn one_port_that_is_taken_unseen_makes_nobody_a_suspect() {
    let all: Vec<_> = (100..=118)
        .map(|port| connection(port, "10.0.0.9:80", State::Established))
        .collect();
    assert_eq!(only(&reading(limits(), &all[1..])).bound_first, None);
}

#[test]
fn connect_takes_the_other_parity_when_the_first_is_spent() {
    let mut all = open(10, "10.0.0.9:80");
    all.push(connection(101, "10.0.0.9:80", State::Established));
    let row = only(&reading(limits(), &all));
    assert_eq!((row.bound_first, row.free, row.free_likely), (None, 9, 9));
}

#[test]
fn ports_close_together_tell_of_a_range_of_their_own() {
    let limits = PortLimits {
        range: Some(10_000..=20_000),
        ..limits()
    };
    let dense: Vec<_> = (12_000..12_020)
        .map(|port| connection(port, "10.0.0.9:80", State::Established))
        .collect();
    let row = only(&reading(limits, &dense));
    let window = Window {
        low: 12_000,
        high: 12_019,
    };
    assert_eq!((row.window, row.bound_first), (Some(window), Some(0)));
}

fn established(ports: impl IntoIterator<Item = u16>, to: &str) -> Vec<Connection> {
    let ports = ports.into_iter();
    ports
        .map(|port| connection(port, to, State::Established))
        .collect()
}

#[test]
fn connect_has_spent_its_own_when_one_in_twenty_and_one_are_left() {
    let limits = PortLimits {
        range: Some(100..=199),
        ..limits()
    };
    let bound_first = |even: u16, odd: u16| {
        let even = (0..even).map(|n| 100 + n * 2);
        let all = even.chain((0..odd).map(|n| 101 + n * 2));
        only(&reading(limits.clone(), &established(all, "10.0.0.9:80"))).bound_first
    };
    assert_eq!(bound_first(46, 1), Some(0));
    assert_eq!(bound_first(47, 1), None);
    assert_eq!(bound_first(47, 0), Some(0), "none of the others");
}

#[test]
fn twice_as_many_of_the_other_parity_may_be_chance() {
    let bound_first = |ports: &[u16]| {
        let all = established(ports.iter().copied(), "10.0.0.9:80");
        only(&reading(limits(), &all)).bound_first
    };
    assert_eq!(bound_first(&[100, 111, 117]), Some(0));
    assert_eq!(bound_first(&[100, 105, 111, 117]), Some(3));
}

#[test]
fn bind_has_taken_all_of_its_own_only_for_several_destinations() {
    let odd = [101, 103, 105, 107, 109, 111, 113, 115, 117, 119];
    let (one, other) = odd.split_at(5);
    let spread = [
        established(one.iter().copied().chain([100, 102, 104]), "10.0.0.9:80"),
        established(other.iter().copied().chain([106, 108, 110]), "10.0.0.9:81"),
    ];
    let both = report(&reading(limits(), &spread.concat()), None, by(By::Tuple));
    assert_eq!(both.namespaces[0].bound_first, 16);

    let even = [100, 102, 104, 106, 108];
    let peak = established(odd[..9].iter().copied().chain(even), "10.0.0.9:80");
    assert_eq!(only(&reading(limits(), &peak)).bound_first, Some(0));
}

#[test]
fn a_window_is_eight_ports_in_less_than_an_eighth_of_the_range() {
    let limits = PortLimits {
        range: Some(10_000..=10_799),
        ..limits()
    };
    let window = |low: std::ops::RangeInclusive<u16>, high: u16| {
        let all = established(low.chain([high]), "10.0.0.9:80");
        only(&reading(limits.clone(), &all)).window
    };
    let found = window(10_000..=10_006, 10_098);
    let expected = Window {
        low: 10_000,
        high: 10_098,
    };
    assert_eq!(found, Some(expected));
    assert_eq!(window(10_000..=10_006, 10_099), None, "an eighth");
    assert_eq!(window(10_000..=10_005, 10_098), None, "seven ports");
    let even = established((10_000..=10_040).step_by(2), "10.0.0.9:80");
    assert_eq!(only(&reading(limits.clone(), &even)).window, None);
}
