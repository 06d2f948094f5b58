//! A PostgreSQL of two servers: a primary and its synchronous standby, which takes over when the primary is killed.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::{
    address::Reserved,
    postgres::{Server, Session, program},
    process, waiting,
};

/// Two servers, of which one is the primary. Each has a port of 127.0.0.1 that stays its own when the roles change.
pub struct Pair {
    ports: [Reserved; 2],
    servers: [Option<Server>; 2],
    /// Which one is the primary.
    primary: usize,
}

impl Pair {
    /// A primary without a standby.
    ///
    /// # Panics
    /// There is no PostgreSQL, or it does not start.
    pub fn start() -> Self {
        let ports = [Reserved::new(), Reserved::new()];
        let primary = Server::start(&settings(&ports[0]).each_ref().map(String::as_str));
        Self { ports, servers: [Some(primary), None], primary: 0 }
    }

    /// A URL that leads to `database` of whichever server is the primary.
    pub fn url(&self, database: &str) -> String {
        let [one, other] = self.ports.each_ref().map(Reserved::text);
        format!("postgres://postgres@{one},{other}/{database}?target_session_attrs=read-write")
    }

    /// A connection to `database` of the primary.
    pub fn session(&self, database: &str) -> Session {
        Session::at(&self.primary().url_of(database))
    }

    /// Copies the primary to a new standby, for which every commit waits from now on.
    pub fn add_standby(&mut self) {
        let (standby, port) = (1 - self.primary, self.ports[self.primary].address().port());
        let conninfo = format!("host=127.0.0.1 port={port} user=postgres");
        let settings = settings(&self.ports[standby]);
        let server = Server::start_on(&settings.each_ref().map(String::as_str), |folder| {
            let mut copy = program("pg_basebackup", folder);
            copy.args(["-D", "data", "-R", "--checkpoint=fast", "--no-sync", "-d", &conninfo]);
            copy
        });
        self.servers[standby] = Some(server);
        let mut primary = self.session("postgres");
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'");
        primary.execute("SELECT pg_reload_conf()");
        let synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        waiting::until("the standby to be synchronous", || primary.number(synchronous) == 1)
            .unwrap_or_else(|sentence| panic!("{sentence}"));
    }

    /// Stops the process of the standby that receives what is committed, as a stalled network would, until the guard is dropped.
    pub fn stall_standby(&self) -> Stalled {
        let standby = self.servers[1 - self.primary].as_ref().expect("a standby");
        let receiver = standby.session().number("SELECT pid::bigint FROM pg_stat_wal_receiver");
        let receiver = u32::try_from(receiver).expect("a process");
        process::signal("STOP", receiver);
        Stalled(receiver)
    }

    /// Ends every process of the primary at once, as the loss of its machine would, but for the files.
    pub fn kill_primary(&mut self) {
        drop(self.hang_primary());
    }

    /// Stops every process of the primary for good. It still accepts connections, and says nothing.
    pub fn hang_primary(&mut self) -> Hung {
        let server = self.servers[self.primary].take().expect("a primary");
        let main = server.pid();
        // It starts no other process meanwhile.
        server.signal("STOP");
        let children = fs::read_to_string(format!("/proc/{main}/task/{main}/children")).expect("processes");
        let processes: Vec<String> =
            children.split_whitespace().map(str::to_owned).chain([main.to_string()]).collect();
        signal_all("STOP", &processes);
        Hung { server, processes }
    }

    /// Makes the standby the primary, and returns when it takes writes.
    pub fn promote(&mut self) {
        self.primary = 1 - self.primary;
        self.primary().control("promote", &["--wait"]);
    }

    fn primary(&self) -> &Server {
        self.servers[self.primary].as_ref().expect("a primary")
    }
}

/// A standby that receives nothing.
pub struct Stalled(u32);

impl Drop for Stalled {
    fn drop(&mut self) {
        signal_all("CONT", &[self.0.to_string()]);
    }
}

/// A primary that hangs. It is killed when this is dropped.
pub struct Hung {
    server: Server,
    processes: Vec<String>,
}

impl Drop for Hung {
    fn drop(&mut self) {
        signal_all("KILL", &self.processes);
        let has_ended = |process: &String| fs::read_link(format!("/proc/{process}/exe")).is_err();
        // While it has not ended, its folder is in use.
        if waiting::until("the end of the primary", || self.processes.iter().all(has_ended)).is_err() {
            return;
        }
        // Only this removes the shared memory that tells whether a folder is in use (line 7), and looks for the process again.
        let file = self.server.folder().join("data/postmaster.pid");
        let text = fs::read_to_string(&file).unwrap_or_default();
        if let Some(id) = text.lines().nth(6).and_then(|line| line.split_whitespace().nth(1)) {
            let _ = Command::new("ipcrm").args(["-m", id]).stderr(Stdio::null()).status();
        }
        let _ = fs::remove_file(file);
    }
}

/// Sends a signal to processes, of which some may have ended by themselves.
fn signal_all(name: &str, processes: &[String]) {
    let _ = Command::new("kill").args(["-s", name]).args(processes).stderr(Stdio::null()).status();
}

/// The settings of a server of a pair, in addition to those of every server.
fn settings(port: &Reserved) -> [String; 4] {
    [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={}", port.address().port()),
        // What the standby has yet to read is kept.
        "wal_keep_size=1GB".to_owned(),
        // It leaves nothing behind in /dev/shm when it is killed.
        "dynamic_shared_memory_type=mmap".to_owned(),
    ]
}
