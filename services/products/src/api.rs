//! The API of the products service: its operations, requests and responses.

use std::ops::RangeInclusive;

use chassis::{
    api::{
        bearer_auth::BearerAuth,
        conditional::{EntityTag, IfChanged, IfMatch, IfNoneMatch, PRECONDITION_FAILED, Tagged},
        fields::{Fields, FromFields},
        idempotency::{IdempotencyKey, Keys, WITH_KEY},
        json::Json,
        operation::OperationError,
        parameters::{Path, Query},
        responses::{Chunk, Created, List, next_page},
    },
    error::{ANY_OPERATION, INVALID_FIELDS, WITH_BODY},
    operations,
    storage::{self, Database},
    values::{Count, Decimal, Id, Limit, Text},
};
use futures_util::{StreamExt, stream};
use poem_openapi::{Object, OpenApi, Tags};
use serde::Serialize;

use crate::{db, errors::PRODUCT_NOT_FOUND};

/// The most products in a chunk of the whole list. Three times as many save a seventh of the time of a list, but then each
/// stalled caller holds three times as much memory.
const CHUNK_SIZE: i64 = 400;

/// How many chunks are read ahead, each on its own thread.
const CHUNKS_AHEAD: usize = 2;

/// The products API.
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
    /// Returns all products by ascending id, or one page of them with `limit` and `after`.
    #[oai(path = "/products", method = "get", operation_id = "list_products")]
    async fn list_products(
        &self,
        _auth: BearerAuth,
        /// The maximum number of products. Without it, all are returned.
        limit: Query<Limit>,
        /// Only products with a greater id.
        after: Query<Id>,
    ) -> Result<List<Product>, OperationError<ListProducts>> {
        let after = after.0;
        let Some(limit) = limit.0 else { return Ok(self.whole_list(after).await?) };

        let limit = limit.get() as usize;
        let mut products = self.database.read_much(db::Page { after, limit: limit + 1 }).await?;
        let more_follow = products.len() > limit;
        products.truncate(limit);
        let next = products.last().filter(|_| more_follow).map(|last| {
            let (limit, after) = (limit.to_string(), last.id.get().to_string());
            next_page("/products", [("limit", &*limit), ("after", &*after)])
        });
        Ok(List::Page { items: products.into_iter().map(Product::from).collect(), next })
    }

    /// Read a product
    ///
    /// Returns the product with this id.
    #[oai(path = "/products/:id", method = "get", operation_id = "get_product")]
    async fn get_product(
        &self,
        _auth: BearerAuth,
        /// The id of the product.
        id: Path<Id>,
        /// Entity tags that the caller has, or `*`. If the product has one of them, the response is 304, without a body.
        #[oai(name = "If-None-Match")]
        if_none_match: IfNoneMatch,
    ) -> Result<IfChanged<Product>, OperationError<GetProduct>> {
        let id = id.0.ok_or(PRODUCT_NOT_FOUND)?;
        let product = self.database.read_in_group(db::Get(id)).await?;
        Ok(if_none_match.unless_known(Tagged::new(&product.ok_or(PRODUCT_NOT_FOUND)?.into())))
    }

    /// Create a product
    ///
    /// The service assigns the id. Names need not be unique.
    #[oai(path = "/products", method = "post", operation_id = "create_product")]
    async fn create_product(
        &self,
        _auth: BearerAuth,
        product: Json<NewProduct>,
        /// A key that the caller chooses: up to 255 visible ASCII characters, with or without quotes. The same request with the
        /// same key gets the first response again and creates no second product.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
    ) -> Result<Created<Product, true>, OperationError<CreateProduct>> {
        let prepare = async |product: NewProduct| Ok(db::Insert(product.into()));
        Ok(self.keys.create_once(key, product.0, prepare, created).await?)
    }

    /// Replace a product
    ///
    /// Replaces everything but the id. All fields are required. With `If-Match`, the product is replaced only if it has not changed.
    #[oai(path = "/products/:id", method = "put", operation_id = "replace_product")]
    async fn replace_product(
        &self,
        _auth: BearerAuth,
        /// The id of the product.
        id: Path<Id>,
        product: Json<NewProduct>,
        /// Entity tags, or `*`. The product is replaced only if it has one of them; a weak tag never matches.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<Tagged<Product>, OperationError<ReplaceProduct>> {
        let id = id.0.ok_or(PRODUCT_NOT_FOUND)?;
        let content = product.0.into();
        let is_expected = if_match
            .is_sent()
            .then_some(move |product: db::Product| if_match.admits(&EntityTag::of(&Product::from(product))));
        match self.database.write(db::Replace { id, content, is_expected }).await? {
            db::Replaced::Done(product) => Ok(Tagged::new(&product.into())),
            db::Replaced::Unexpected => Err(PRECONDITION_FAILED.into()),
            db::Replaced::NotFound => Err(PRODUCT_NOT_FOUND.into()),
        }
    }
}

fn created(product: db::Product) -> Created<Product, true> {
    let location = format!("/products/{}", product.id.get());
    Created::new(&product.into(), location)
}

impl Api {
    /// All products after `after` that are there now. Each chunk is read in its own transaction, so that a slow caller keeps no
    /// snapshot open.
    async fn whole_list(&self, after: Option<Id>) -> Result<List<Product>, storage::Error> {
        let none = List::Page { items: Vec::new(), next: None };
        let last = self.database.read(db::LastId).await?;
        let Some(first) = self.next_chunk(after.map_or(0, Id::get), last).await? else { return Ok(none) };
        let Some(second) = self.next_chunk(*first.end(), last).await? else {
            let add = |products: &mut Vec<Product>, product: db::Product| products.push(product.into());
            let items = self.database.read_much(db::Range { ids: first, add }).await?;
            return Ok(List::Page { items, next: None });
        };
        let api = self.clone();
        let rest = stream::try_unfold(Some(second), move |ids| {
            let api = api.clone();
            async move {
                let Some(ids) = ids else { return Ok(None) };
                let next = api.next_chunk(*ids.end(), last).await?;
                Ok::<_, storage::Error>(Some((ids, next)))
            }
        });
        let database = self.database.clone();
        let products = stream::iter([Ok(first)]).chain(rest).map(move |ids| {
            let database = database.clone();
            async move {
                let add = |chunk: &mut Chunk<Product>, product: db::Product| chunk.push(&product.into());
                Ok(database.read_much(db::Range { ids: ids?, add }).await?)
            }
        });
        Ok(List::Whole(products.buffered(CHUNKS_AHEAD).boxed()))
    }

    /// The ids of the next chunk of the list, if more products follow `after`, up to `last`.
    async fn next_chunk(&self, after: i64, last: i64) -> Result<Option<RangeInclusive<i64>>, storage::Error> {
        if after >= last {
            return Ok(None);
        }
        let first = self.database.read(db::NextId(after)).await?;
        Ok(first.map(|first| first..=last.min(first.saturating_add(CHUNK_SIZE - 1))))
    }
}

#[derive(Tags)]
enum Tag {
    /// Products on sale.
    Products,
}

/// The fields of a product, to create or replace one.
#[derive(Debug, Object, Serialize)]
pub struct NewProduct {
    /// The name of the product.
    name: Text,
    /// The price of one item.
    price: Decimal,
    /// The number of items in stock.
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
    /// The id that the service assigned.
    id: Id,
    /// The name of the product.
    name: Text,
    /// The price of one item.
    price: Decimal,
    /// The number of items in stock.
    stock: Count,
}

impl From<db::Product> for Product {
    fn from(db::Product { id, content: db::Content { name, price, stock } }: db::Product) -> Self {
        Self { id, name, price, stock }
    }
}

operations! {
    ListProducts: [ANY_OPERATION, &[INVALID_FIELDS]];
    GetProduct: [ANY_OPERATION, &[PRODUCT_NOT_FOUND]];
    CreateProduct: [WITH_BODY, WITH_KEY, ANY_OPERATION];
    ReplaceProduct: [WITH_BODY, ANY_OPERATION, &[PRODUCT_NOT_FOUND, PRECONDITION_FAILED]];
}
