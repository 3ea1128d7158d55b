//! Random filters, evaluated by the kernel on real sockets and by the library on their rows.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::ControlFlow;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

use crate::support::netns::in_netns;
use crate::support::population::{MARK, Population};
use crate::support::wait::wait_for;
use sockdiag::model::filter::{Comparison, End, Network, Test};
use sockdiag::model::{Families, Filter, SocketProtocol, SocketRow, SocketState, StateSet};
use sockdiag::source::{SockDiag, SocketRequest};

fn dump(protocol: SocketProtocol, filter: &Filter) -> Vec<SocketRow> {
    let mut found = Vec::new();
    let request = SocketRequest {
        protocol,
        families: Families::BOTH,
        filter,
        info: false,
        memory: false,
    };
    let mut diag = SockDiag::open().expect("netlink");
    diag.sockets(&request, |socket| {
        found.push(socket);
        ControlFlow::Continue(())
    })
    .expect("a dump");
    found
}

/// Of each socket, no two of which have the same.
#[track_caller]
fn names<'a>(rows: impl IntoIterator<Item = &'a SocketRow>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for row in rows {
        let (state, local, peer) = (&row.state, &row.local, &row.peer);
        let name = format!("{state:?} {local:?} {peer:?} {}", row.cookie);
        assert!(names.insert(name), "{row:?} is there twice");
    }
    names
}

/// What the library accepts of all sockets, and the kernel, read while nothing changed.
fn both(protocol: SocketProtocol, filter: &Filter) -> (BTreeSet<String>, BTreeSet<String>) {
    wait_for("nothing changed between two readings", || {
        let before = dump(protocol, &Filter::ALL);
        let found = dump(protocol, filter);
        let after = dump(protocol, &Filter::ALL);
        (names(&before) == names(&after)).then(|| {
            let accepted = before.iter().filter(|row| filter.accepts(*row));
            (names(accepted), names(&found))
        })
    })
}

/// What occurs among the sockets.
struct Facts {
    ports: Vec<u16>,
    addresses: Vec<IpAddr>,
    cgroups: Vec<u64>,
}

impl Facts {
    fn of(rows: &[SocketRow]) -> Facts {
        let ends = [End::Local, End::Peer];
        let view = sockdiag::model::filter::View::address;
        let ends = rows.iter().flat_map(|row| ends.map(|end| view(row, end)));
        let (mut ports, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for end in ends.flatten() {
            ports.insert(end.port);
            addresses.insert(end.address);
        }
        let cgroups: BTreeSet<u64> = rows.iter().filter_map(|row| row.cgroup_id).collect();
        Facts {
            ports: ports.into_iter().collect(),
            addresses: addresses.into_iter().collect(),
            cgroups: cgroups.into_iter().chain([u64::MAX]).collect(),
        }
    }

    fn filter(&self) -> impl Strategy<Value = Filter> + use<> {
        let end = || select(vec![End::Local, End::Peer]);
        let comparison = select(Comparison::ALL.to_vec());
        let port = (end(), comparison, select(self.ports.clone()))
            .prop_map(|(end, is, port)| Filter::port(end, is, port));
        let within =
            (end(), select(self.addresses.clone()), 0u8..=128).prop_map(|(end, address, bits)| {
                let bits = match address.to_canonical() {
                    IpAddr::V4(_) => bits % 33,
                    IpAddr::V6(_) => bits,
                };
                Filter::within(end, Network { address, bits })
            });
        let states = prop::collection::vec(select(SocketState::ALL.to_vec()), 0..8);
        let marks = select(vec![0, 1, MARK, 0x10]);
        let masks = select(vec![0, 1, 0xff, u32::MAX]);
        let other = prop_oneof![
            states.prop_map(|states| Test::State(StateSet::of(&states))),
            (0u32..3).prop_map(Test::Interface),
            (marks, masks).prop_map(|(mark, mask)| Test::Mark { mark, mask }),
            select(self.cgroups.clone()).prop_map(Test::Cgroup),
        ];
        prop_oneof![port, within, other.prop_map(Filter::Test)].prop_recursive(4, 24, 4, |part| {
            let parts = || prop::collection::vec(part.clone(), 1..4);
            prop_oneof![
                parts().prop_map(Filter::Any),
                parts().prop_map(Filter::All),
                part.clone().prop_map(|part| Filter::Not(Box::new(part))),
            ]
        })
    }
}

#[test]
fn the_kernel_accepts_what_the_library_accepts_whatever_the_filter() {
    in_netns(|| {
        let _population = Population::of_internet();
        for protocol in [SocketProtocol::Tcp, SocketProtocol::Udp] {
            let all = dump(protocol, &Filter::ALL);
            let facts = Facts::of(&all);
            let mut selective = 0;
            let config = Config {
                cases: 150,
                failure_persistence: None,
                ..Config::default()
            };
            let run = TestRunner::new(config).run(&facts.filter(), |filter| {
                let (expected, found) = both(protocol, &filter);
                let wrong: Vec<_> = found.symmetric_difference(&expected).collect();
                prop_assert!(wrong.is_empty(), "{:#?}", wrong);
                Ok(())
            });
            run.unwrap_or_else(|error| panic!("{protocol:?}: {error}"));
            let mut runner = TestRunner::deterministic();
            for _ in 0..100 {
                let tree = facts.filter().new_tree(&mut runner).expect("a filter");
                let filter = proptest::strategy::ValueTree::current(&tree);
                let accepted = all.iter().filter(|row| filter.accepts(*row)).count();
                selective += usize::from(accepted > 0 && accepted < all.len());
            }
            assert!(
                selective > 20,
                "{selective} of 100 filters select something and not all"
            );
        }
    });
}
