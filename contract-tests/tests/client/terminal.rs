//! The console in a pseudo-terminal, whose screen the tests read.

use std::{
    io::{Read, Write},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use contract_tests::harness::waiting;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use vt100::Parser;

use crate::{CONSOLE, Console};

/// How long a test waits for the screen.
const SCREEN_TIMEOUT: Duration = Duration::from_secs(30);

const HEIGHT: u16 = 40;

/// A program in a terminal.
pub(crate) struct Terminal {
    drawn: Arc<(Mutex<Drawn>, Condvar)>,
    keyboard: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    /// The terminal closes when this is dropped.
    _master: Box<dyn MasterPty + Send>,
}

/// The output of the program so far.
struct Drawn {
    screen: Parser,
    bytes: Vec<u8>,
    has_ended: bool,
}

impl Terminal {
    /// Runs the console with the arguments in `line`, in a terminal that is `width` wide.
    pub(crate) fn start(console: &Console, width: u16, line: &str, variables: &[(&str, &str)]) -> Self {
        let size = PtySize { rows: HEIGHT, cols: width, ..PtySize::default() };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(CONSOLE);
        command.args(line.split_whitespace());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
            command.env_remove(variable);
        }
        command.env("PAGER", "");
        console.addresses().for_each(|(variable, url)| command.env(variable, url));
        variables.iter().for_each(|(variable, value)| command.env(variable, value));
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);

        let screen = Parser::new(HEIGHT.try_into().unwrap(), width.try_into().unwrap(), 0);
        let drawn =
            Arc::new((Mutex::new(Drawn { screen, bytes: Vec::new(), has_ended: false }), Condvar::new()));
        let mut output = pair.master.try_clone_reader().unwrap();
        let shared = drawn.clone();
        thread::spawn(move || {
            let (drawn, has_changed) = &*shared;
            let mut buffer = [0; 4096];
            // A pseudo-terminal fails with EIO after its other end has closed.
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                let Ok(mut drawn) = drawn.lock() else { return };
                drawn.screen.process(&buffer[..length]);
                drawn.bytes.extend_from_slice(&buffer[..length]);
                has_changed.notify_all();
            }
            if let Ok(mut drawn) = drawn.lock() {
                drawn.has_ended = true;
                has_changed.notify_all();
            }
        });
        Self { drawn, keyboard: pair.master.take_writer().unwrap(), child, _master: pair.master }
    }

    /// Presses keys.
    pub(crate) fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits until the screen ends with `lines`.
    #[track_caller]
    pub(crate) fn ends_with(&self, lines: &[&str]) {
        let expected = lines.join("\n");
        self.wait_until(&expected, |drawn| contents(drawn).ends_with(&expected));
    }

    /// Waits until `text` is on the screen.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        self.wait_until(text, |drawn| contents(drawn).contains(text));
    }

    /// Waits until the program exits, and returns its exit code.
    #[track_caller]
    pub(crate) fn ends(&mut self) -> u32 {
        self.wait_until("the end", |drawn| drawn.has_ended);
        let mut status = None;
        let has_ended = || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        };
        waiting::until("the exit of a program whose terminal is closed", has_ended).unwrap();
        status.unwrap().exit_code()
    }

    /// The text on the screen.
    pub(crate) fn screen(&self) -> String {
        contents(&self.drawn.0.lock().unwrap())
    }

    /// Whether the terminal had to wrap a line.
    pub(crate) fn has_broken_lines(&self) -> bool {
        let drawn = self.drawn.0.lock().unwrap();
        (0..HEIGHT).any(|row| drawn.screen.screen().row_wrapped(row))
    }

    /// Whether the cursor is visible.
    pub(crate) fn has_cursor(&self) -> bool {
        !self.drawn.0.lock().unwrap().screen.screen().hide_cursor()
    }

    /// All output, with its control sequences.
    pub(crate) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.drawn.0.lock().unwrap().bytes).into_owned()
    }

    #[track_caller]
    fn wait_until(&self, what: &str, is_so: impl Fn(&Drawn) -> bool) {
        let (drawn, has_changed) = &*self.drawn;
        let drawn = drawn.lock().unwrap();
        let wait =
            has_changed.wait_timeout_while(drawn, SCREEN_TIMEOUT, |drawn| !is_so(drawn) && !drawn.has_ended);
        let (drawn, _) = wait.unwrap();
        assert!(is_so(&drawn), "waited for\n{what}\nand saw\n{}", contents(&drawn));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of the screen, without trailing white space.
fn contents(drawn: &Drawn) -> String {
    let contents = drawn.screen.screen().contents();
    let lines: Vec<&str> = contents.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}
