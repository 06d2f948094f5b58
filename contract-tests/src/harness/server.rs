//! A third-party server, such as nginx or HAProxy.

use std::{
    fs::{self, File},
    net::TcpStream,
    path::Path,
    process::Child,
};

use tempfile::TempDir;

use super::{address::Reserved, programs, waiting};

/// A running server. It ends when this is dropped, or with the test, however that ends.
pub struct Server {
    process: Child,
    addresses: Vec<Reserved>,
    /// Holds its configuration and its log.
    folder: TempDir,
}

impl Server {
    /// Starts `program` with these arguments, and waits until it accepts connections at all of `addresses`.
    ///
    /// # Panics
    /// It does not start. The message has its log.
    pub fn start(program: &Path, arguments: &[&str], addresses: Vec<Reserved>, folder: TempDir) -> Self {
        let log = File::create(folder.path().join(Self::LOG)).expect("a log file");
        let process = programs::until_input_ends(program)
            .args(arguments)
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .spawn()
            .expect("sh");
        let server = Self { process, addresses, folder };
        for address in &server.addresses {
            let what = format!("{} at {}", program.display(), address.text());
            let accepts = || TcpStream::connect(address.address()).is_ok();
            waiting::until(&what, accepts).unwrap_or_else(|sentence| panic!("{sentence}:\n{}", server.log()));
        }
        server
    }

    const LOG: &str = "log";

    /// Where it is.
    pub fn addresses(&self) -> &[Reserved] {
        &self.addresses
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join(Self::LOG)).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
