//! What is sent again, with reqwest, which knows all the ways in which a call can go wrong.

use std::{future, time::Duration};

use reqwest::{
    Client, ClientBuilder, Request, Response, Url,
    dns::{Name, Resolve, Resolving},
};

/// Resolves to nothing, ever.
const NOWHERE: &str = "http://nowhere.invalid/";

/// Sends each request on a connection of its own: what was kept may be what went wrong.
#[derive(Clone, Debug)]
pub(crate) struct Spare {
    http: Client,
    nowhere: Client,
}

impl Spare {
    pub(crate) fn new(builder: ClientBuilder) -> reqwest::Result<Self> {
        let http = builder.pool_max_idle_per_host(0).build()?;
        let nowhere = Client::builder().dns_resolver(NeverResolves).no_proxy().build()?;
        Ok(Self { http, nowhere })
    }

    pub(crate) async fn execute(&self, request: Request) -> reqwest::Result<Response> {
        self.http.execute(request).await
    }

    /// The error of a call to `url` that took too long. reqwest makes its errors itself, so this is one: of a request that
    /// has no time, to a place that is never found.
    pub(crate) async fn time_out(&self, url: &Url) -> reqwest::Result<Response> {
        let request = self.nowhere.get(NOWHERE).timeout(Duration::ZERO);
        request.send().await.map_err(|error| error.with_url(url.clone()))
    }
}

struct NeverResolves;

impl Resolve for NeverResolves {
    fn resolve(&self, _name: Name) -> Resolving {
        Box::pin(future::pending())
    }
}
