//! Keeps the sockets that are wanted, of all that are read.

use std::{collections::HashSet, net::IpAddr, ops::ControlFlow};

use super::{Held, HeldSocket, KEPT, Wants};
use crate::{
    collect::{Place, SocketSink},
    model::{
        OtherSocket, Owner, SocketRow, SocketState, State,
        filter::{End, View},
    },
    source::BoundSocket,
};

pub struct Finder {
    pub wants: Wants,
    pub held: Held,
    omitted: HashSet<(usize, IpAddr, SocketState)>,
    /// Of the open ones, those that came.
    listed: HashSet<u32>,
}

impl Finder {
    pub fn new(wants: Wants) -> Self {
        Finder {
            wants,
            held: Held::default(),
            omitted: HashSet::new(),
            listed: HashSet::new(),
        }
    }

    /// Open sockets that did not come, each with one of its owners.
    pub fn unlisted(&self) -> impl Iterator<Item = (u32, &Owner)> {
        let open = match &self.wants {
            Wants::Port(_) => None,
            Wants::OpenIn(open) => Some(open),
        };
        let open = open.into_iter().flatten();
        let unlisted = open.filter(|(inode, _)| !self.listed.contains(inode));
        unlisted.filter_map(|(inode, owners)| Some((*inode, owners.first()?)))
    }

    fn is_wanted(&self, socket: &SocketRow) -> bool {
        // A request socket holds no port: its listener does.
        let is_request = socket.state == SocketState::Connection(State::SynRecv);
        match &self.wants {
            Wants::Port(_) => !is_request,
            Wants::OpenIn(inodes) => inodes.contains_key(&socket.inode),
        }
    }

    /// Those that sock_diag does not report.
    pub fn add_bound(&mut self, bound: Vec<BoundSocket>) {
        let known: HashSet<u64> = self
            .held
            .sockets
            .iter()
            .map(|one| one.socket.cookie)
            .collect();
        for BoundSocket { netns, socket } in bound {
            let mut places = self.held.places.iter();
            let place = places.position(|place| place.netns.inode == Some(netns));
            let is_wanted = match &self.wants {
                Wants::Port(port) => {
                    socket.address(End::Local).map(|local| local.port) == Some(*port)
                }
                Wants::OpenIn(_) => self.is_wanted(&socket),
            };
            if let Some(place) = place.filter(|_| is_wanted && !known.contains(&socket.cookie)) {
                self.listed.insert(socket.inode);
                let options = None;
                self.held.sockets.push(HeldSocket {
                    place,
                    socket,
                    options,
                });
            }
        }
    }
}

impl SocketSink for Finder {
    fn enter(&mut self, place: Place) {
        self.held.places.push(place);
    }

    fn socket(&mut self, socket: SocketRow) -> ControlFlow<()> {
        if !self.is_wanted(&socket) {
            return ControlFlow::Continue(());
        }
        self.listed.insert(socket.inode);
        let place = self.held.places.len() - 1;
        let is_one_of_many = matches!(socket.state, SocketState::Connection(_));
        let local = socket.address(End::Local).map(|at| at.address);
        let one = HeldSocket {
            place,
            socket,
            options: None,
        };
        match local {
            Some(local) if is_one_of_many && self.held.sockets.len() >= KEPT => {
                self.held.omitted_count += 1;
                if self.omitted.insert((place, local, one.socket.state)) {
                    self.held.omitted.push(one);
                }
            }
            _ => self.held.sockets.push(one),
        }
        ControlFlow::Continue(())
    }

    fn other(&mut self, socket: OtherSocket) -> ControlFlow<()> {
        if let Wants::OpenIn(inodes) = &self.wants
            && inodes.contains_key(&socket.inode)
        {
            self.listed.insert(socket.inode);
            self.held.others.push((self.held.places.len() - 1, socket));
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Endpoint, Family, Local, SocketProtocol};

    fn connection(inode: u32) -> SocketRow {
        SocketRow {
            protocol: SocketProtocol::Tcp,
            state: SocketState::Connection(State::Established),
            local: Local::Inet(Endpoint {
                family: Family::V4,
                address: [10, 0, 0, 1].into(),
                port: 80,
                interface: 0,
            }),
            peer: None,
            receive_queue: 0,
            send_queue: 0,
            timer: None,
            uid: 0,
            inode,
            cookie: inode.into(),
            mark: None,
            cgroup_id: None,
            v6only: None,
            info: None,
            memory: None,
        }
    }

    #[test]
    fn connections_that_are_counted_only_are_listed_all_the_same() {
        let all = KEPT as u32 + 2;
        let owner = Owner {
            pid: 7,
            name: "api".to_owned(),
            fd: 3,
        };
        let open = (1..=all).map(|inode| (inode, vec![owner.clone()]));
        let mut finder = Finder::new(Wants::OpenIn(open.collect()));
        finder.enter(Place::default());
        for inode in 2..=all {
            assert!(finder.socket(connection(inode)).is_continue());
        }
        assert_eq!(finder.held.sockets.len(), KEPT);
        assert_eq!(
            (finder.held.omitted_count, finder.held.omitted.len()),
            (1, 1)
        );
        let unlisted: Vec<u32> = finder.unlisted().map(|(inode, _)| inode).collect();
        assert_eq!(unlisted, [1]);
    }
}
