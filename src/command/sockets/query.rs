//! Which sockets the command line asks for, and one reading of them.

use sockdiag::{
    analysis::sockets::{Describer, SocketsReport},
    collect::{Namespaces, OwnerNeeds, SocketNeeds, SocketSink, read_sockets, unseen_bound},
    model::{Filter, Incomplete},
    source::{CgroupNames, Kernel},
};

use super::{
    super::with_way_in,
    SocketsArgs,
    owners::{Commands, Inodes},
    pairs::{self, Pairs},
    protocols::Named,
    row::Found,
    stream::{Output, Stream, Tally},
};
use crate::render::{
    Settings, View,
    table::sockets::{INFO, MEMORY},
};

pub struct Query<'a> {
    args: &'a SocketsArgs,
    kernel: Kernel,
    namespaces: Namespaces,
    needs: SocketNeeds,
    /// `struct tcp_info` is shown, and not only read.
    shows_info: bool,
    /// `--command`, or its column.
    commands: bool,
    uid: Option<u32>,
    /// The reading ends after so many.
    most: u64,
}

impl<'a> Query<'a> {
    pub fn new(args: &'a SocketsArgs) -> anyhow::Result<Self> {
        let kernel = args.place.kernel()?;
        args.owned_by.check(&kernel)?;
        let settings = args.output.settings()?;
        let most = settings.top.filter(|_| settings.sort.is_none());
        let needs = needs(args, &settings)?;
        Ok(Query {
            namespaces: args.place.namespaces(&kernel)?,
            kernel,
            shows_info: needs.info,
            commands: args.command || settings.shows("command"),
            // Of timers, it has the backoff; of the ends of a connection, what they carried.
            needs: SocketNeeds {
                info: needs.info || args.timers || args.pairs && args.place.is_all(),
                ..needs
            },
            uid: args.owned_by.uid()?,
            most: most.map_or(u64::MAX, |most| most as u64),
            args,
        })
    }

    /// What is read of each socket.
    pub fn view(&self) -> View {
        View {
            info: self.shows_info,
            memory: self.needs.memory,
            commands: self.commands,
            ..View::default()
        }
    }

    /// Reads all sockets, and reports what is not written meanwhile.
    pub fn read(&self, output: Output<'_>) -> anyhow::Result<SocketsReport> {
        let mut stream = self.stream(output);
        if self.args.pairs {
            return self.read_pairs(stream);
        }
        // Never readable.
        if !self.args.readable {
            stream.report.incomplete.extend(unseen_bound(&self.needs));
        }
        if self.owner_needs() == OwnerNeeds::All {
            let mut inodes = Inodes::default();
            self.dump(&self.needs, &mut inodes)?;
            stream.owners = inodes.owners(&self.kernel, OwnerNeeds::All);
        }
        let missing = self.dump(&self.needs, &mut stream)?;
        stream.end(missing)
    }

    fn read_pairs(&self, mut stream: Stream<'_>) -> anyhow::Result<SocketsReport> {
        let pairs = Pairs::read(&self.needs, |needs, sink| self.dump(needs, sink))?;
        stream.places = pairs.places;
        stream.report.unpaired = Some(pairs.unpaired);
        if self.owner_needs() == OwnerNeeds::All {
            let mut inodes = Inodes::default();
            let rows = pairs.found.iter().flat_map(Found::each);
            rows.for_each(|row| inodes.add(row));
            stream.owners = inodes.owners(&self.kernel, OwnerNeeds::All);
        }
        let mut found = pairs.found.into_iter();
        // `Break` says that no more are wanted.
        let _ = found.try_for_each(|found| stream.take(found));
        stream.end(pairs.missing)
    }

    fn dump(
        &self,
        needs: &SocketNeeds,
        sink: &mut dyn SocketSink,
    ) -> anyhow::Result<Vec<Incomplete>> {
        let missing = read_sockets(&self.kernel, &self.namespaces, needs, sink);
        missing.map_err(|error| with_way_in(anyhow::Error::from(error)))
    }

    /// A condition on the owner needs all of them.
    fn owner_needs(&self) -> OwnerNeeds {
        let owned_by = &self.args.owned_by;
        match owned_by.process.is_some() || owned_by.unit.is_some() {
            true => OwnerNeeds::All,
            false => self.args.owners.needs(),
        }
    }

    fn stream<'b>(&'b self, output: Output<'b>) -> Stream<'b> {
        Stream {
            kernel: &self.kernel,
            condition: self.args.condition.as_ref(),
            readable: self.args.readable,
            owned_by: &self.args.owned_by,
            uid: self.uid,
            most: self.most,
            shows_info: self.shows_info,
            commands: self.commands.then(Commands::default),
            pending: (self.owner_needs() == OwnerNeeds::Auto).then(Vec::new),
            output,
            places: Vec::new(),
            owners: None,
            tally: Tally::default(),
            cgroups: CgroupNames::default(),
            describer: Describer::default(),
            described: None,
            report: SocketsReport::default(),
            failed: None,
        }
    }
}

fn needs(args: &SocketsArgs, settings: &Settings) -> anyhow::Result<SocketNeeds> {
    let Named { protocols, filter } = args.protocols.named(&args.filter, &args.place)?;
    let protocols = match args.pairs {
        true => pairs::protocols(protocols)?,
        false => protocols,
    };
    let condition = args.condition.as_ref();
    let shows = |columns: &str| columns.split(' ').any(|key| settings.shows(key));
    Ok(SocketNeeds {
        protocols,
        families: args.family.families(),
        filter,
        info: args.info || shows(INFO) || condition.is_some_and(Filter::needs_info),
        memory: args.memory || shows(MEMORY) || condition.is_some_and(Filter::needs_memory),
        ..SocketNeeds::default()
    })
}
