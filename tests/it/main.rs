//! The integration tests, as one crate so that they are linked once: a module for each subcommand.

mod support;

mod arguments;
mod cli;
mod collect;
mod elsewhere;
mod filter;
mod fixtures;
mod formats;
mod hostile_names;
mod owned_by;
mod privilege;
mod vanishing;

mod acceptors {
    mod blocked;
    mod cgroups;
    mod cpu;
    mod stopped;
    mod waiting;
}

mod buffers {
    mod formats;
    mod limits;
}

mod capture {
    mod files;
    mod interfaces;
    mod packets;
}

mod check {
    mod commands;
    mod formats;
    mod netns;
    mod thresholds;
    mod usage;
}

mod counters {
    mod kernel;
    mod reports;
}

mod doctor {
    mod abilities;
    mod floods;
    mod growth;
    mod healthy;
    mod html;
    mod network;
    mod owners;
    mod page;
    mod problems;
}

mod explain {
    mod output;
    mod settings;
    mod terms;
}

mod fds {
    mod formats;
    mod limits;
    mod places;
    mod why;
}

mod hard_places {
    mod descriptors;
    mod proc_root;
    mod saving;
    mod signals;
    mod streams;
    mod threads;
}

mod keepalive {
    mod formats;
    mod timers;
}

mod leaks {
    mod filter;
    mod findings;
    mod forms;
    mod kinds;
    mod peers;
}

mod network {
    mod connections;
    mod conntrack;
    mod interfaces;
    mod tcp;
}

mod ports {
    mod bind;
    mod capacity;
    mod families;
    mod filter;
    mod formats;
    mod groups;
    mod in_use;
    mod netns;
    mod watch;
    mod window;
}

mod queues {
    mod accept;
    mod bpf;
    mod bpf_owners;
    mod bpf_reader;
    mod drops;
    mod filter;
    mod folding;
    mod groups;
    mod metrics;
    mod netns;
    mod owners;
    mod reports;
    mod syn;
    mod unix_udp;
    mod vrf;
    mod waiting;
}

mod sockets {
    mod as_ss;
    mod bytecode;
    mod command_lines;
    mod families;
    mod families_as_ss;
    mod info_as_ss;
    mod many;
    mod measures;
    mod mptcp;
    mod pairs;
    mod pairs_between;
    mod places;
    mod tables;
    mod timers;
    mod transparent;
    mod unix_as_ss;
    mod unix_queues;
    mod usage;
    mod watch;
}

mod states {
    mod counts;
    mod formats;
}

mod terminal {
    mod screen;
    mod style;
    mod waiting;
}

mod timewait {
    mod counts;
    mod filter;
    mod formats;
    mod groups;
    mod watch;
}

mod trace {
    mod bad_files;
    mod closes;
    mod copies;
    mod files;
    mod firewall;
    mod formats;
    mod headers;
    mod interfaces;
    mod networks;
    mod options;
    mod outcomes;
    mod partial;
    mod queues;
    mod rare;
    mod resets;
    mod rights;
    mod selection;
    mod sides;
    mod summary;
    mod tables;
    mod translated;
    mod tunnels;
    mod usage;
}

mod tune {
    mod drift;
    mod emit;
    mod formats;
    mod verdicts;
}

mod who {
    mod accepted;
    mod advice;
    mod bound;
    mod bound_mptcp;
    mod families;
    mod formats;
    mod limits;
    mod mptcp;
    mod ports;
    mod targets;
    mod udp;
    mod verdicts;
    mod vrf;
}
