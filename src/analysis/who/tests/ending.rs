//! How to end who holds a port.

use super::{
    address,
    words::{socket, told},
};
use crate::model::{
    Address, Owner, Owners, SocketRow, SocketState, State, filter::End, filter::View,
};

/// Processes by id, name and cgroup, each with the socket of this inode.
fn owners(of: &[(u32, u32, &str, &str)]) -> Owners {
    let mut owners = Owners {
        complete: true,
        ..Owners::default()
    };
    for (inode, pid, name, cgroup) in of {
        let owner = Owner {
            pid: *pid,
            name: (*name).to_owned(),
            fd: 3,
        };
        owners.by_inode.entry(*inode).or_default().push(owner);
        owners.cgroups.insert(*pid, (*cgroup).to_owned());
    }
    owners
}

const INIT: (u32, u32, &str, &str) = (7, 1, "systemd", "/init.scope");

/// What to do about a listener.
fn advice(of: &[(u32, u32, &str, &str)]) -> Vec<String> {
    let report = told(&[socket(SocketState::Listen, 7)], None, &owners(of));
    report.advice
}

#[test]
fn a_socket_of_process_1_is_closed_by_its_unit() {
    let of_systemd = &advice(&[INIT])[0];
    assert_eq!(
        of_systemd,
        "systemd (1) holds it for socket activation: systemctl list-sockets names the unit, \
         systemctl stop NAME.socket closes it"
    );
    let started = (7, 812, "sshd", "/system.slice/ssh.service");
    let of_both = &advice(&[INIT, started])[0];
    assert_eq!(
        of_both,
        &format!("{of_systemd}; then end sshd (812): systemctl stop ssh.service")
    );
    let of_container = &advice(&[(7, 1, "api", "/")])[0];
    assert_eq!(
        of_container,
        "api (1) is process 1, which ends with its container or host: stop the container, or make \
         api close the port"
    );
    for advice in [of_systemd, of_both, of_container] {
        assert!(!advice.contains("kill"), "{advice}");
    }
}

/// Stopping the unit would stop all containers.
#[test]
fn a_port_of_a_container_is_closed_with_the_container() {
    assert_eq!(
        advice(&[(7, 4000, "docker-proxy", "/system.slice/docker.service")])[0],
        "docker-proxy (4000) forwards it to a container: docker ps --filter publish=8080 names the \
         container, docker stop NAME closes it"
    );
}

const OF_USER: &str = "/user.slice/user-1000.slice/user@1000.service";

#[test]
fn a_unit_of_a_user_is_stopped_by_the_manager_of_the_user() {
    let unit = format!("{OF_USER}/app.slice/app.service");
    assert_eq!(
        advice(&[(7, 812, "app", &unit)])[0],
        "end app (812): systemctl --user stop app.service (as uid 1000)"
    );
    // That would end all that the user has started.
    let slice = format!("{OF_USER}/app.slice");
    let of_no_unit = advice(&[(7, 812, "app", &slice)]);
    assert_eq!(of_no_unit[0], "end app (812): kill 812");
    let manager = format!("{OF_USER}/init.scope");
    let of_manager = &advice(&[(7, 900, "systemd", &manager)])[0];
    assert!(
        of_manager.contains("systemctl --user stop NAME.socket"),
        "{of_manager}"
    );
    assert!(!of_manager.contains("kill"), "{of_manager}");
    let below_a_service = "/system.slice/web.service/user@1.service/app.service";
    assert_eq!(
        advice(&[(7, 812, "app", below_a_service)])[0],
        "end app (812): systemctl stop web.service"
    );
}

#[test]
fn all_that_share_a_socket_are_ended_each_by_its_own_manager() {
    let of_unit = |pid| (7, pid, "api", "/system.slice/api.service");
    let shell = (7, 900, "sh", "/user.slice/user-0.slice/session-3.scope");
    assert_eq!(
        advice(&[of_unit(812), of_unit(813), shell])[0],
        "end all 3 processes that have it open: systemctl stop api.service; kill 900"
    );
}

#[test]
fn owners_that_were_not_seen_are_not_ruled_out() {
    let incomplete = Owners {
        complete: false,
        ..owners(&[(7, 812, "api", "/")])
    };
    let report = told(&[socket(SocketState::Listen, 7)], None, &incomplete);
    assert_eq!(
        report.advice[0],
        "end api (812): kill 812 (others may have it open, too)"
    );
}

#[test]
fn processes_beyond_three_are_counted() {
    let advice = |count: u32| {
        let sockets: Vec<SocketRow> = (1..=count)
            .map(|inode| socket(SocketState::Listen, inode))
            .collect();
        let holders: Vec<_> = (1..=count).map(|at| (at, 800 + at, "api", "/")).collect();
        told(&sockets, None, &owners(&holders)).advice
    };
    assert_eq!(advice(3)[2], "end api (803): kill 803");
    assert!(!advice(3)[3].starts_with("end"));
    assert_eq!(advice(4)[3], "end 1 more process that holds the port");
    assert_eq!(advice(10)[3], "end 7 more processes that hold the port");
}

#[test]
fn a_self_connect_is_told_from_connections_to_others() {
    let connection = |peer: &str, inode| SocketRow {
        peer: Some(Address {
            address: address(peer),
            port: 8080,
        }),
        ..socket(SocketState::Connection(State::Established), inode)
    };
    let itself = connection("127.0.0.1", 7);
    assert_eq!(itself.address(End::Local), itself.peer);
    let answer = |sockets: &[SocketRow]| told(sockets, None, &Owners::default()).answer;
    let alone = answer(std::slice::from_ref(&itself));
    assert!(alone.contains("to itself (self-connect)"), "{alone}");
    let among_others = answer(&[itself, connection("10.0.0.9", 8)]);
    assert!(among_others.contains("to several peers"), "{among_others}");
    let one_peer = [7, 8].map(|inode| connection("10.0.0.9", inode));
    let to_one = answer(&one_peer);
    assert!(to_one.contains("to 10.0.0.9:8080"), "{to_one}");
}
