//! The wire: what the products service can be asked, what it answers, and what it refuses with.

use std::{iter, ops::RangeInclusive};

use chassis::{
    answers::{Created, List, Piece},
    fields::{Fields, FromFields},
    idempotency::{Claim, IdempotencyKey, Keys, WITH_KEY},
    json::Json,
    parameter::{Path, Query},
    refusal::{ANY_OPERATION, INVALID_FIELDS, Operation, OperationError, Refusal, WITH_BODY},
    sqlite::Database,
    token::Caller,
    value::{Count, Decimal, Id, Limit, Text},
};
use futures_util::{StreamExt, stream};
use poem::http::StatusCode;
use poem_openapi::{Object, OpenApi, Tags};
use serde::Serialize;

use crate::db;

const PRODUCT_NOT_FOUND: Refusal = Refusal::new(StatusCode::NOT_FOUND, "Product not found");

/// How many products a piece of the whole list has at most. With three times as many, a list takes a seventh less time, but
/// each caller who stalls in the middle of one holds three times as much.
const PIECE: i64 = 400;

/// How many pieces are read while the first of them is sent, each on a thread of its own.
const PIECES_AHEAD: usize = 2;

/// What the products service does.
#[derive(Clone)]
pub struct Api {
    database: Database,
    keys: Keys,
}

impl Api {
    pub(crate) fn new(database: Database, keys: Keys) -> Self {
        Self { database, keys }
    }
}

#[OpenApi(tag = "Tag::Products")]
impl Api {
    /// List products
    ///
    /// All products by ascending id, whatever their number, or a page of them with `limit` and `after`.
    #[oai(path = "/products", method = "get", operation_id = "list_products")]
    async fn list_products(
        &self,
        _caller: Caller,
        /// How many products at most; without it, all.
        limit: Query<Limit>,
        /// Only products whose id is greater than this one.
        after: Query<Id>,
    ) -> Result<List<Product>, OperationError<ListProducts>> {
        let after = after.0;
        let Some(limit) = limit.0 else { return Ok(self.whole_list(after).await?) };

        let limit = limit.get() as usize;
        let mut products =
            self.database.read_much(move |connection| db::page(connection, after, limit + 1)).await?;
        let more_follow = products.len() > limit;
        products.truncate(limit);
        let next = products.last().filter(|_| more_follow).map(|last| {
            let after = last.id.get();
            format!("/products?limit={limit}&after={after}")
        });
        Ok(List::Page { items: products.into_iter().map(Product::from).collect(), next })
    }

    /// Read a product
    ///
    /// The product with this id.
    #[oai(path = "/products/:id", method = "get", operation_id = "get_product")]
    async fn get_product(
        &self,
        _caller: Caller,
        /// The id of the product.
        id: Path<Id>,
    ) -> Result<Json<Product>, OperationError<GetProduct>> {
        let id = id.0.ok_or(PRODUCT_NOT_FOUND)?;
        let product = self.database.read(|connection| db::get(connection, id))?;
        Ok(Json(product.ok_or(PRODUCT_NOT_FOUND)?.into()))
    }

    /// Create a product
    ///
    /// The service gives the product its id. Two products may have the same name.
    #[oai(path = "/products", method = "post", operation_id = "create_product")]
    async fn create_product(
        &self,
        _caller: Caller,
        product: Json<NewProduct>,
        /// Names the request, so that it creates one product however often it is sent. Visible ASCII.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
    ) -> Result<Created<Product>, OperationError<CreateProduct>> {
        let work = match self.keys.claim(key, &product.0)? {
            Claim::Answered(answer) => return Ok(answer),
            Claim::New(work) => work,
        };
        let content = product.0.into();
        let insert = move |connection: &_| db::insert(connection, content);
        Ok(work.create(&self.database, insert, created).await?)
    }

    /// Replace a product
    ///
    /// Everything but the id is replaced: a field that is not sent is missing, not kept.
    #[oai(path = "/products/:id", method = "put", operation_id = "replace_product")]
    async fn replace_product(
        &self,
        _caller: Caller,
        /// The id of the product.
        id: Path<Id>,
        product: Json<NewProduct>,
    ) -> Result<Json<Product>, OperationError<ReplaceProduct>> {
        let id = id.0.ok_or(PRODUCT_NOT_FOUND)?;
        let content = product.0.into();
        let product = self.database.write(move |connection| db::replace(connection, id, &content)).await?;
        Ok(Json(product.ok_or(PRODUCT_NOT_FOUND)?.into()))
    }
}

fn created(product: db::Product) -> Created<Product> {
    let location = format!("/products/{}", product.id.get());
    Created::new(&product.into(), location)
}

impl Api {
    /// All products after `after`. Each piece is read in a transaction of its own, so that a slow reader of the list holds
    /// nothing up.
    async fn whole_list(&self, after: Option<Id>) -> Result<List<Product>, chassis::sqlite::Error> {
        let none = List::Page { items: Vec::new(), next: None };
        let Some(first) = self.next_piece(after.map_or(0, Id::get))? else { return Ok(none) };
        if self.next_piece(*first.end())?.is_none() {
            let items = self.database.read_much(move |connection| {
                let mut products = Vec::new();
                db::range(connection, &first, |product| products.push(product.into()))?;
                Ok(products)
            });
            return Ok(List::Page { items: items.await?, next: None });
        }
        let api = self.clone();
        let pieces = iter::successors(Some(Ok(first)), move |ids: &Result<RangeInclusive<i64>, _>| {
            let ids = ids.as_ref().ok()?;
            api.next_piece(*ids.end()).transpose()
        });
        let database = self.database.clone();
        let products = stream::iter(pieces).map(move |ids| {
            let database = database.clone();
            async move {
                let ids = ids?;
                let piece = database.read_much(move |connection| {
                    let mut piece = Piece::default();
                    db::range(connection, &ids, |product| piece.push(&Product::from(product)))?;
                    Ok(piece)
                });
                Ok(piece.await?)
            }
        });
        Ok(List::Whole(products.buffered(PIECES_AHEAD).boxed()))
    }

    /// The ids of the next piece of the list, if there are any greater than `after`.
    fn next_piece(&self, after: i64) -> Result<Option<RangeInclusive<i64>>, chassis::sqlite::Error> {
        let first = self.database.read(|connection| db::next_id(connection, after))?;
        Ok(first.map(|first| first..=first.saturating_add(PIECE - 1)))
    }
}

#[derive(Tags)]
enum Tag {
    /// What the store sells.
    Products,
}

/// A product that is to be, or that is to take the place of another.
#[derive(Debug, Object, Serialize)]
pub struct NewProduct {
    /// What it is called.
    name: Text,
    /// What one of it costs.
    price: Decimal,
    /// How many there are.
    stock: Count,
}

impl FromFields for NewProduct {
    const EXAMPLE: &'static str = r#"{"name": "Computer", "price": 200, "stock": 20}"#;

    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (name, price, stock) = (fields.read("name"), fields.read("price"), fields.read("stock"));
        Some(Self { name: name?, price: price?, stock: stock? })
    }
}

impl From<NewProduct> for db::Content {
    fn from(NewProduct { name, price, stock }: NewProduct) -> Self {
        Self { name, price, stock }
    }
}

/// A product.
#[derive(Debug, Object, Serialize)]
pub struct Product {
    /// What the service knows it by.
    id: Id,
    /// What it is called.
    name: Text,
    /// What one of it costs.
    price: Decimal,
    /// How many there are.
    stock: Count,
}

impl From<db::Product> for Product {
    fn from(db::Product { id, content: db::Content { name, price, stock } }: db::Product) -> Self {
        Self { id, name, price, stock }
    }
}

struct ListProducts;

impl Operation for ListProducts {
    const NAME: &'static str = "ListProducts";
    const REFUSALS: &'static [&'static [Refusal]] = &[ANY_OPERATION, &[INVALID_FIELDS]];
}

struct GetProduct;

impl Operation for GetProduct {
    const NAME: &'static str = "GetProduct";
    const REFUSALS: &'static [&'static [Refusal]] = &[ANY_OPERATION, &[PRODUCT_NOT_FOUND]];
}

struct CreateProduct;

impl Operation for CreateProduct {
    const NAME: &'static str = "CreateProduct";
    const REFUSALS: &'static [&'static [Refusal]] = &[WITH_BODY, WITH_KEY, ANY_OPERATION];
}

struct ReplaceProduct;

impl Operation for ReplaceProduct {
    const NAME: &'static str = "ReplaceProduct";
    const REFUSALS: &'static [&'static [Refusal]] = &[WITH_BODY, ANY_OPERATION, &[PRODUCT_NOT_FOUND]];
}
