//! A small disk for a server, which a test fills.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::programs::unprivileged;

/// Mounts a disk until the input ends, which it does with the test, however that ends. A server may still use it then.
const MOUNT: &str = r#"trap '' INT; mount -t tmpfs -o "$1" none "$2" && echo mounted && read -r end
umount --lazy "$2"; rmdir "$2""#;

/// A disk of 24 MiB, in memory. It is gone when this is dropped.
pub struct Disk {
    folder: PathBuf,
    process: Child,
}

impl Disk {
    /// Mounts it.
    ///
    /// # Errors
    /// That is not possible here.
    pub fn mount() -> Result<Self, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?.keep();
        let (user, group) = unprivileged().ok_or("only root can mount a small disk")?;
        let options = format!("size=24m,mode=0700,uid={user},gid={group}");
        let mut process = Command::new("sh")
            .args(["-c", MOUNT, "sh", &options])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut said = String::new();
        let output = process.stdout.take().ok_or("it has an output")?;
        let is_mounted = BufReader::new(output).read_line(&mut said).is_ok() && said.trim() == "mounted";
        let disk = Self { folder, process };
        if is_mounted { Ok(disk) } else { Err("no small disk can be mounted here".to_owned()) }
    }

    /// Where it is mounted.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Fills it to the last block.
    pub fn fill(&self) {
        let mut file = fs::File::create(self.ballast()).expect("a file");
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    /// Makes room again.
    pub fn clear(&self) {
        fs::remove_file(self.ballast()).expect("the file that fills it");
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
