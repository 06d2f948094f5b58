//! A machine in which a real systemd runs: it has the programs of this one, an empty `/etc` and `/var`, and no network but loopback.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
};

use contract_tests::harness::{folders::new_folder, programs::find, waiting};
use tempfile::TempDir;
use uuid::Uuid;

/// Starts systemd-nspawn in control groups of its own, as a systemd does where there is one.
const START: &str = r#"
    name=$1; shift
    export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
    [ -e /run/systemd/system ] && exec systemd-nspawn --machine="$name" "$@"
    for root in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
        [ ! -e $root/cgroup.procs ] || { mkdir $root/$name && echo $$ > $root/$name/cgroup.procs; } || exit
    done
    exec systemd-nspawn --machine="$name" --keep-unit "$@""#;

/// Runs that until it ends.
const ONCE: &str = r#"sh -c "$start" sh "$@"; status=$?"#;

/// Runs that until the input ends, which it does with the test, however that ends.
const UNTIL_INPUT_ENDS: &str =
    r#"trap '' INT; sh -c "$start" sh "$@" & read -r end; kill $!; wait $!; status=$?"#;

/// Removes the groups, which are empty then.
const CLEAN: &str = r#"
    for root in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
        [ ! -e $root/$1/cgroup.procs ] || find $root/$1 -depth -type d -exec rmdir {} ';'
    done 2>/dev/null
    exit $status"#;

const OPTIONS: [&str; 9] = [
    "--quiet",
    "--register=no",
    "--directory=/",
    "--volatile=yes",
    "--tmpfs=/usr/local/bin",
    "--private-network",
    "--console=pipe",
    // The packet filter of a unit is a program for the kernel.
    "--system-call-filter=bpf",
    "--capability=CAP_BPF,CAP_PERFMON",
];

/// Longer than any command takes in a machine, on one that has other work, in seconds.
const LIMIT: &str = "60";

/// A command that ends within the limit, however it hangs.
fn within_limit(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", LIMIT, program]);
    command
}

/// Why no machine can be started here.
pub(crate) fn obstacle() -> Option<String> {
    let missing = ["systemd-nspawn", "nsenter"].iter().find_map(|program| find("", program).err());
    missing.or_else(|| {
        let output = within_limit("sh")
            .args(start(ONCE, &new_name()))
            .args(["sh", "-c", "command -v openssl systemctl"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        (!output.status.success()).then(|| format!("systemd-nspawn fails: {}", complaint.trim()))
    })
}

/// The arguments of a shell that starts a machine of this name, waits as `wait` says, and leaves nothing behind.
fn start(wait: &str, name: &str) -> Vec<String> {
    let script = format!("start=$1; shift; {wait}\n{CLEAN}");
    let shell = ["-c", &script, "sh", START, name];
    shell.into_iter().chain(OPTIONS).map(str::to_owned).collect()
}

/// It is turned off when it is dropped.
pub(crate) struct Machine {
    /// The shell that turns it off when its input ends.
    shell: Child,
    folder: TempDir,
}

impl Machine {
    /// Starts one in which this folder is `/src`, with more options of systemd-nspawn.
    pub(crate) fn start(source: &Path, more: &[&str]) -> Self {
        let folder = new_folder();
        let preset = folder.path().join("preset");
        // A new machine enables all units that are installed, and those of this one are not meant.
        fs::write(&preset, "disable *\n").unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let shell = Command::new("sh")
            .args(start(UNTIL_INPUT_ENDS, &new_name()))
            .arg(format!("--bind={}:/src", source.display()))
            .arg(format!("--bind-ro={}:/etc/systemd/system-preset/00-none.preset", preset.display()))
            .args(more)
            .args(["--boot", "systemd.firstboot=no"])
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let machine = Self { shell, folder };
        // A unit of this machine that fails there does not matter.
        let is_up = "case $(systemctl is-system-running --wait) in running | degraded) ;; *) false ;; esac";
        waiting::until("systemd to start", || machine.try_run(is_up).is_ok()).unwrap_or_else(|sentence| {
            panic!("{sentence}: {}", fs::read_to_string(machine.folder.path().join("log")).unwrap())
        });
        machine
    }

    /// Runs a script in it, as root, and returns what that prints.
    pub(crate) fn run(&self, script: &str) -> String {
        self.try_run(script).unwrap_or_else(|complaint| panic!("{script}\n{complaint}\n{}", self.journal()))
    }

    /// Waits until a script succeeds.
    pub(crate) fn wait_for(&self, script: &str) {
        let succeeds = || self.try_run(script).is_ok();
        waiting::until(script, succeeds).unwrap_or_else(|sentence| panic!("{sentence}\n{}", self.journal()));
    }

    /// What a script prints, or complains of if it fails.
    pub(crate) fn try_run(&self, script: &str) -> Result<String, String> {
        let leader = child(self.shell.id()).and_then(child).ok_or("there is no machine")?;
        let output = within_limit("nsenter")
            .args(["--all", "--target", &leader.to_string(), "--", "env", "-i"])
            .args(["PATH=/usr/local/bin:/usr/sbin:/usr/bin", "HOME=/root", "sh", "-euc", script])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let [printed, complaint] =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).trim().to_owned());
        if output.status.success() { Ok(printed) } else { Err(format!("{printed}\n{complaint}")) }
    }

    fn journal(&self) -> String {
        self.try_run("journalctl --no-pager --lines=60").unwrap_or_else(|complaint| complaint)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let has_ended = || self.shell.try_wait().map_or(true, |status| status.is_some());
        if waiting::until("a machine to be turned off", has_ended).is_err() {
            let machine = child(self.shell.id()).map(|machine| machine.to_string());
            let _ = Command::new("kill").args(["-s", "KILL"]).args(machine).status();
            let _ = self.shell.wait();
        }
    }
}

fn new_name() -> String {
    format!("store-{}", Uuid::now_v7())
}

/// The first process that this one has started.
fn child(process: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    children.split(' ').next()?.parse().ok()
}
