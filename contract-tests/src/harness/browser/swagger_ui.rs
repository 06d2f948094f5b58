//! Swagger UI: clicks through the page of a document, and reads what it shows.

use serde_json::{Map, Value};
use thirtyfour::{By, WebElement, components::SelectElement, extensions::query::ElementQueryable};

use super::chromium::{Outcome, Sent, Tab};
use crate::engine::{
    contract::{Document, Operation},
    exchange::{escaped, written},
};

/// The page suggests to list no more than so many.
const SUGGESTED_LIMIT: &str = "20";

/// The page of a service, which shows its document.
pub struct Page<'a> {
    /// Where it is open.
    pub tab: &'a Tab,
}

/// The response that the page shows.
#[derive(Debug, PartialEq)]
pub struct Shown {
    /// The status, and more if it is not documented.
    pub status: String,
    /// The body.
    pub body: Value,
}

impl<'a> Page<'a> {
    /// The page that is open in `tab`.
    pub fn of(tab: &'a Tab) -> Self {
        Self { tab }
    }

    /// The page, once it shows its operations.
    ///
    /// # Errors
    /// It does not come to that.
    pub async fn load(tab: &'a Tab) -> Outcome<Self> {
        let page = Self::of(tab);
        tab.driver.goto(format!("{}/docs", tab.origin)).await?;
        page.see(".opblock").await?;
        Ok(page)
    }

    /// The element that fits `selector`, once there is one to be seen.
    ///
    /// # Errors
    /// There is none.
    pub async fn see(&self, selector: &str) -> Outcome<WebElement> {
        Ok(self.tab.driver.query(By::Css(selector)).and_displayed().first().await?)
    }

    async fn click(&self, selector: &str) -> Outcome {
        Ok(self.tab.driver.query(By::Css(selector)).and_clickable().first().await?.click().await?)
    }

    /// Gives the page `token` to send.
    ///
    /// # Errors
    /// It does not take it.
    pub async fn authorize(&self, token: &str) -> Outcome {
        self.click(".auth-wrapper .authorize").await?;
        self.see(".auth-container input").await?.send_keys(token).await?;
        self.click(".auth-btn-wrapper .authorize").await?;
        self.click(".auth-btn-wrapper .btn-done").await?;
        self.is_gone(".dialog-ux").await
    }

    /// Opens `operation` and presses *Try it out*.
    ///
    /// # Errors
    /// It is not there.
    pub async fn open(&self, operation: &Operation) -> Outcome {
        let block = block(operation);
        self.click(&format!("{block} .opblock-summary-control")).await?;
        self.click(&format!("{block} .try-out__btn")).await
    }

    /// Shows the examples of the errors of `operation`, which is open.
    ///
    /// # Errors
    /// They cannot be shown.
    pub async fn show_error_examples(&self, operation: &Operation) -> Outcome {
        self.click(&format!("{} .error-examples", block(operation))).await
    }

    /// Opens every operation of `document`.
    ///
    /// # Errors
    /// One is not there.
    pub async fn open_all(&self, document: &Document) -> Outcome {
        for operation in &document.operations {
            self.open(operation).await?;
        }
        Ok(())
    }

    /// What `choice` offers.
    ///
    /// # Errors
    /// It is not there.
    pub async fn listed(&self, choice: &Choice<'_>) -> Outcome<Vec<String>> {
        let mut listed = Vec::new();
        for option in self.choice(&choice.place).await?.options().await? {
            listed.push(option.text().await?);
        }
        Ok(listed)
    }

    /// Chooses the example called `name` wherever a request to `operation` has one of that name.
    ///
    /// # Errors
    /// It is not offered.
    pub async fn choose(&self, operation: &Operation, name: &str) -> Outcome {
        for choice in Choice::of_request(operation) {
            if choice.examples.contains_key(name) {
                self.choice(&choice.place).await?.select_by_value(name).await?;
            }
        }
        Ok(())
    }

    async fn choice(&self, place: &str) -> Outcome<SelectElement> {
        Ok(SelectElement::new(&self.see(place).await?).await?)
    }

    /// Presses *Execute*, reads what is shown, and clears it. The operation is open.
    ///
    /// # Errors
    /// Nothing is shown, or not one request was sent.
    pub async fn execute(&self, operation: &Operation) -> Outcome<(Sent, Shown)> {
        let block = block(operation);
        self.tab.requests().await?;
        self.click(&format!("{block} .execute")).await?;
        let response = format!("{block} .live-responses-table");
        let status = self.see(&format!("{response} tbody .response-col_status")).await?.text().await?;
        let code: u16 = status.parse().unwrap_or_default();
        let documented = operation.responses.get(&code);
        let body = match documented.is_some_and(|documented| documented.media_types.is_empty()) {
            true => Value::Null,
            false => {
                let shown = self.see(&format!("{response} .highlight-code code")).await?.text().await?;
                serde_json::from_str(&shown)?
            }
        };
        let shown = Shown { status, body };
        self.click(&format!("{block} .btn-clear")).await?;
        self.is_gone(&response).await?;
        match <[Sent; 1]>::try_from(self.tab.requests().await?) {
            Ok([sent]) => Ok((sent, shown)),
            Err(requests) => Err(format!("one request was expected: {requests:?}").into()),
        }
    }

    /// Opens `operation` and executes it as it is offered.
    ///
    /// # Errors
    /// As those of [`Self::open`] and [`Self::execute`].
    pub async fn try_out(&self, operation: &Operation) -> Outcome<(Sent, Shown)> {
        self.open(operation).await?;
        self.execute(operation).await
    }

    /// Waits until no element fits `selector`.
    ///
    /// # Errors
    /// One still does.
    pub async fn is_gone(&self, selector: &str) -> Outcome {
        match self.tab.driver.query(By::Css(selector)).not_exists().await? {
            true => Ok(()),
            false => Err(format!("{selector} does not go away").into()),
        }
    }
}

/// Where `operation` is, as a CSS selector.
pub fn block(operation: &Operation) -> String {
    format!(".opblock[id$=\"-{}\"]", operation.id)
}

/// A place where the page lets people choose among named examples.
pub struct Choice<'a> {
    /// As a CSS selector.
    pub place: String,
    /// The examples, by name.
    pub examples: &'a Map<String, Value>,
}

impl<'a> Choice<'a> {
    /// Those of a request to `operation`, and of its responses.
    pub fn all(operation: &'a Operation) -> Vec<Self> {
        let responses = operation.declaration()["responses"].as_object().into_iter().flatten();
        let responses = responses.filter_map(|(status, response)| {
            Self::new(
                operation,
                &format!(".response[data-code=\"{status}\"]"),
                &response["content"]["application/json"],
            )
        });
        Self::of_request(operation).into_iter().chain(responses).collect()
    }

    /// Those of a request to `operation`.
    pub fn of_request(operation: &'a Operation) -> Vec<Self> {
        let documented = operation.declaration();
        let body = &documented["requestBody"]["content"]["application/json"];
        let parameters = documented["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.filter_map(|parameter| {
            let name = parameter["name"].as_str()?;
            Self::new(operation, &format!("tr[data-param-name=\"{name}\"]"), parameter)
        });
        Self::new(operation, ".opblock-section-request-body", body).into_iter().chain(parameters).collect()
    }

    fn new(operation: &Operation, part: &str, at: &'a Value) -> Option<Self> {
        let place = format!("{} {part} .examples-select select", block(operation));
        Some(Self { place, examples: named(at)? })
    }
}

/// A request as it was recorded, with its response.
pub struct Example<'a> {
    /// The same on the request and on the response.
    pub name: &'a str,
    /// The path with its parameters.
    pub path: String,
    /// `null` if there is none.
    pub body: Value,
    /// The status of the response.
    pub status: u16,
    /// The body of the response.
    pub response: &'a Value,
}

impl<'a> Example<'a> {
    /// The examples of a request to `operation`, which are those of its body, or else of the parameters in its path. An
    /// operation that has neither has one: what it returns on success.
    ///
    /// # Panics
    /// An example has no response, or the operation has no successful one.
    pub fn all(operation: &'a Operation) -> Vec<Self> {
        let documented = operation.declaration();
        let body = named(&documented["requestBody"]["content"]["application/json"]);
        let in_path = || operation.parameters().filter(|parameter| parameter["in"] == "path");
        let of_path = in_path().find_map(named);
        let asks_for_nothing = operation.body.is_none() && in_path().next().is_none();

        let responses = documented["responses"].as_object().into_iter().flatten();
        let responses = responses.flat_map(|(status, response)| {
            let examples = named(&response["content"]["application/json"]).into_iter().flatten();
            examples.map(|(name, response)| {
                (name.as_str(), status.parse().expect("a status"), &response["value"])
            })
        });
        let responses: Vec<(&str, u16, &Value)> = responses.collect();
        let names: Vec<&str> = match body.or(of_path) {
            Some(examples) => examples.keys().map(String::as_str).collect(),
            None => responses
                .iter()
                .filter(|(_, status, _)| asks_for_nothing && *status < 300)
                .map(|it| it.0)
                .collect(),
        };
        let value = |examples: Option<&Map<String, Value>>, name: &str| {
            examples.and_then(|examples| examples.get(name)).map(|example| example["value"].clone())
        };
        let example = |name: &'a str| {
            let response = responses.iter().find(|(response, ..)| *response == name).copied();
            // A response without a body has no example.
            let mut without_body =
                operation.responses.iter().filter(|(_, documented)| documented.media_types.is_empty());
            let (_, status, response) = response
                .or_else(|| Some((name, *without_body.next()?.0, &Value::Null)))
                .unwrap_or_else(|| panic!("{name} of {} has no response", operation.id));
            let of_parameter = |parameter: &Value| {
                let value = value(named(parameter), name)?;
                Some(escaped(&written(&value)))
            };
            let path = operation
                .path_with(|parameter| in_path().find(|one| one["name"] == parameter).and_then(of_parameter));
            let query = operation.parameters().filter(|parameter| parameter["in"] == "query");
            let query = query.filter_map(|one| {
                let name = one["name"].as_str()?;
                let value =
                    of_parameter(one).or_else(|| (name == "limit").then(|| SUGGESTED_LIMIT.into()))?;
                Some(format!("{name}={value}"))
            });
            let query = query.collect::<Vec<_>>().join("&");
            let path = if query.is_empty() { path } else { format!("{path}?{query}") };
            Self { name, path, body: value(body, name).unwrap_or_default(), status, response }
        };
        let all: Vec<Self> = names.into_iter().map(example).collect();
        let is_well = all.iter().any(|example| example.status < 300);
        assert!(is_well, "{} has no example of a request with which all is well", operation.id);
        all
    }
}

fn named(at: &Value) -> Option<&Map<String, Value>> {
    at.get("examples")?.as_object()
}
