//! Rereads the token files on a separate thread: a file may be a pipe, or on a disk that does not respond, and must delay neither
//! requests nor the stop.

use std::{
    sync::mpsc::{self, Receiver, SyncSender},
    thread,
};

use crate::settings::{Reread, TokenFiles};

/// Reads the token files again whenever that is requested.
pub(super) struct Reload {
    token_files: TokenFiles,
    /// The thread that reads, once there was a request.
    requests: Option<SyncSender<()>>,
}

impl Reload {
    pub(super) fn new(token_files: TokenFiles) -> Self {
        Self { token_files, requests: None }
    }

    /// Requests that the files are read, and returns at once.
    pub(super) fn request(&mut self) {
        let Self { token_files, requests } = self;
        let requests = requests.get_or_insert_with(|| {
            // One request that waits is enough: it will find what is in the files then.
            let (requests, received) = mpsc::sync_channel(1);
            let token_files = token_files.clone();
            let started =
                thread::Builder::new().name("reload".into()).spawn(move || read(&token_files, &received));
            if let Err(error) = started {
                tracing::error!(%error, "the token files cannot be reread");
            }
            requests
        });
        let _ = requests.try_send(());
    }
}

fn read(token_files: &TokenFiles, requests: &Receiver<()>) {
    for () in requests {
        let outcomes = token_files.read_again();
        if outcomes.is_empty() {
            tracing::info!("no token file is set, so there is none to reread");
        }
        for outcome in outcomes {
            match outcome {
                Reread::Changed(file) => tracing::info!(file = %file.display(), "the token has changed"),
                Reread::Unchanged(file) => {
                    tracing::info!(file = %file.display(), "the token has not changed")
                }
                Reread::Failed(error) => tracing::error!(%error, "the old token stays in use"),
            }
        }
    }
}
