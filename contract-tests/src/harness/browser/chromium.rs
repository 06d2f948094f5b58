//! A real browser: Chromium without a window, driven over WebDriver by `chromedriver`.

use std::{
    error::Error,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, ChildStdout, Stdio},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use thirtyfour::{
    BrowserLogEntry, ChromiumLikeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel, WebDriver,
    extensions::query::ElementPollerWithTimeout,
};
use tokio::runtime;

use crate::{
    engine::tls,
    harness::{folders::new_folder, programs, waiting},
};

/// Whether a test has passed, and if not, why.
pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The test may run as root and in a container, and Chromium sends no requests of its own.
const ARGUMENTS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    // No name leads anywhere, so that what a page asks for elsewhere fails here as it does without a network.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    // Chromium ends with chromedriver.
    "--remote-debugging-pipe",
];

/// How long a page may take to react to a click.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The page's own log, in which chromedriver writes what the console shows.
const CONSOLE: &str = "browser";
/// What chromedriver writes about the network, beside other things.
const PERFORMANCE: &str = "performance";

/// A running `chromedriver`, which starts a Chromium for each visit. It ends when this is dropped.
pub struct Browser {
    chromedriver: Child,
    /// Kept open, because chromedriver ends when it cannot write.
    _output: BufReader<ChildStdout>,
    url: String,
    chromium: PathBuf,
}

impl Browser {
    /// Starts `chromedriver` on a free port.
    ///
    /// # Errors
    /// It or Chromium is not there. The sentence says what to do.
    ///
    /// # Panics
    /// It is there and does not start.
    pub fn start() -> Result<Self, String> {
        let find = |variable, name| {
            programs::find(variable, name).map_err(|missing| {
                format!(
                    "{missing}: install chromium and chromium-driver, or name them in CHROME and CHROMEDRIVER"
                )
            })
        };
        let chromium = find("CHROME", "chromium")?;
        let mut chromedriver = programs::until_input_ends(&find("CHROMEDRIVER", "chromedriver")?)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver");
        let mut output = BufReader::new(chromedriver.stdout.take().expect("a piped output"));
        let started = waiting::within("chromedriver to start", move || {
            let port = output.by_ref().lines().map_while(Result::ok).find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            });
            (port, output)
        });
        let (port, output) = started.unwrap_or_else(|sentence| panic!("{sentence}"));
        let url = format!("http://127.0.0.1:{}", port.expect("chromedriver says its port"));
        Ok(Self { chromedriver, _output: output, url, chromium })
    }

    /// Looks at pages of the service at `origin` with a fresh profile.
    ///
    /// # Errors
    /// They were not as expected, a request went elsewhere, or the console has shown anything but refusals of the
    /// service.
    pub fn visit(&self, origin: &str, look: impl AsyncFnOnce(&Tab) -> Outcome) -> Outcome {
        let profile = new_folder();
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(&self.chromium.to_string_lossy())?;
        for argument in ARGUMENTS {
            capabilities.add_arg(argument)?;
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display()))?;
        for log in [CONSOLE, PERFORMANCE] {
            capabilities.set_logging_prefs(log, LoggingPrefsLogLevel::All)?;
        }
        let visit = async |driver: WebDriver| -> Outcome {
            let tab = Tab { driver, origin: origin.into() };
            let outcome = look(&tab).await;
            tab.requests().await?;
            let console: Vec<String> = tab.console().await?.into_iter().map(|entry| entry.message).collect();
            match outcome {
                Ok(()) if console.iter().all(|message| is_error_response(message)) => Ok(()),
                Ok(()) => Err(format!("the console shows {console:#?}").into()),
                Err(error) => Err(format!("{error}\nthe console shows {console:#?}").into()),
            }
        };
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            tls::prepare();
            let poller = ElementPollerWithTimeout::new(TIMEOUT, Duration::from_millis(20));
            let driver = WebDriver::builder(&self.url, capabilities).poller(Arc::new(poller)).await?;
            Ok(driver.run_and_quit(visit).await?)
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.chromedriver.stdin.take());
        let _ = self.chromedriver.wait();
    }
}

/// Where pages are looked at.
pub struct Tab {
    /// The driver that clicks, types and reads.
    pub driver: WebDriver,
    /// The service whose pages are looked at. They may send requests to no other.
    pub origin: String,
}

/// A request that a page has sent.
#[derive(Debug)]
pub struct Sent {
    /// The method.
    pub method: String,
    /// The path with the query.
    pub path: String,
    /// The header `Authorization`.
    pub authorization: Option<String>,
    /// `null` if there is none.
    pub body: Value,
}

impl Tab {
    /// The requests since the last call.
    ///
    /// # Errors
    /// It was sent to another origin.
    pub async fn requests(&self) -> Outcome<Vec<Sent>> {
        let mut requests = Vec::new();
        for entry in self.driver.get_log(PERFORMANCE).await? {
            let event: Value = serde_json::from_str(&entry.message)?;
            let event = &event["message"];
            let request = &event["params"]["request"];
            let url = request["url"].as_str().unwrap_or_default();
            let is_within = ["data:", "chrome:"].iter().any(|scheme| url.starts_with(scheme));
            if event["method"] != "Network.requestWillBeSent" || is_within {
                continue;
            }
            let path = url.strip_prefix(&self.origin).filter(|path| path.starts_with('/'));
            requests.push(Sent {
                method: request["method"].as_str().unwrap_or_default().into(),
                path: path.ok_or_else(|| format!("the page has sent a request to {url}"))?.into(),
                authorization: request["headers"]["Authorization"].as_str().map(ToOwned::to_owned),
                body: serde_json::from_str(request["postData"].as_str().unwrap_or("null"))?,
            });
        }
        Ok(requests)
    }

    /// The messages in the console since the last call.
    ///
    /// # Errors
    /// Chromium is gone.
    pub async fn console(&self) -> Outcome<Vec<BrowserLogEntry>> {
        Ok(self.driver.get_log(CONSOLE).await?)
    }
}

/// Chromium shows any response from 400 on as an error of the page, but it is what the caller has asked for.
fn is_error_response(message: &str) -> bool {
    message.contains("Failed to load resource: the server responded with a status of 4")
}
