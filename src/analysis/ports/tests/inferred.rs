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
        By::Tuple,
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

#[test]
fn a_port_towards_two_destinations_was_not_bound() {
    let both = ["10.0.0.9:80", "10.0.0.9:81"];
    let all: Vec<_> = both
        .iter()
        .flat_map(|to| [101, 103, 105].map(|port| connection(port, to, State::Established)))
        .collect();
    let report = report(&reading(limits(), &all), None, By::Tuple);
    assert_eq!(report.namespaces[0].bound_first, 0);
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
    let report = report(&reading(limits(), &all), None, By::Tuple);
    assert_eq!(report.namespaces[0].bound_first, 20);
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
