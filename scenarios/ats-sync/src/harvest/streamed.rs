//! One page of a list, read record by record as it arrives: at most one piece of the body and the text of one record are
//! held. What is done with the records is the caller's to say.

use std::marker::PhantomData;

use bytes::Bytes;
use reqwest::{Response, Url};
use serde::de::{Error as _, IgnoredAny};

use super::client::{Trouble, Troubles, links};
use super::decode::{Undecodable, decode};
use super::elements::{Cut, Elements, Malformed};
use super::{Harvest, HarvestError, Record};

/// A page whose head has arrived. Until it is read, what arrives of its body waits in the connection.
#[derive(Debug)]
pub struct Streamed<T> {
    number: u32,
    next: Option<u32>,
    last: Option<u32>,
    url: Url,
    troubles: Troubles,
    response: Response,
    /// What arrived last and is not read yet.
    piece: Bytes,
    elements: Elements,
    record: PhantomData<T>,
}

/// One record of a page.
#[derive(Debug)]
pub struct StreamedRecord<T> {
    /// The record.
    pub record: T,
    /// How many bytes of the body it was.
    pub text: usize,
}

impl<T> Streamed<T> {
    /// Which page, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The page that follows, if one does.
    pub fn next(&self) -> Option<u32> {
        self.next
    }

    /// The last page as of now, where the server says so.
    pub fn last(&self) -> Option<u32> {
        self.last
    }

    /// How many records were read. A page that breaks off is read anew, and counted anew.
    pub fn records(&self) -> usize {
        self.elements.count()
    }
}

impl Harvest {
    /// Asks for a page, from 1, of the list of `T`, and returns when its head has arrived, trying again as the
    /// [`RetryPolicy`](super::RetryPolicy) says.
    ///
    /// # Errors
    /// Every [`HarvestError`] but `Client`, `Base` and `Decode`.
    pub async fn open<T: Record>(&self, number: u32) -> Result<Streamed<T>, HarvestError> {
        let url = self.url(T::COLLECTION, number);
        let mut troubles = Troubles::default();
        let response = self.head::<T>(&url, &mut troubles).await?;
        let links = links(response.headers(), T::COLLECTION, number)?;
        Ok(Streamed {
            number,
            next: links.next,
            last: links.last,
            url,
            troubles,
            response,
            piece: Bytes::new(),
            elements: Elements::default(),
            record: PhantomData,
        })
    }

    /// The next record of the page; none at its end.
    ///
    /// A page that breaks off is asked for again, and then read from its first record: records come again, as they are by then.
    ///
    /// # Errors
    /// Every [`HarvestError`] but `Client` and `Base`. Line and column in a `Decode` count from the beginning of the record.
    pub async fn next<T: Record>(&self, page: &mut Streamed<T>) -> Result<Option<StreamedRecord<T>>, HarvestError> {
        let failed = |number, Undecodable { at, source }| HarvestError::Decode {
            collection: T::COLLECTION,
            page: number,
            at,
            source,
        };
        loop {
            let index = page.elements.count();
            let cut = page.elements.cut(&page.piece);
            let Cut { consumed, element } =
                cut.map_err(|problem| failed(page.number, malformed(&problem, &page.piece, index)))?;
            if let Some(element) = element {
                let record = decode(element).map_err(|problem| failed(page.number, within(problem, index)))?;
                let text = element.len();
                let _ = page.piece.split_to(consumed);
                return Ok(Some(StreamedRecord { record, text }));
            }
            // Let go of before the next piece is waited for: the connection fills the same buffer again.
            page.piece = Bytes::new();
            match page.response.chunk().await {
                Ok(Some(piece)) => page.piece = piece,
                Ok(None) => {
                    page.elements.end().map_err(|problem| failed(page.number, malformed(&problem, &[], index)))?;
                    self.metrics.page(T::COLLECTION, index);
                    return Ok(None);
                }
                Err(error) => {
                    let trouble = Trouble::transport(error);
                    self.again(trouble, &mut page.troubles, &page.url, T::COLLECTION).await?;
                    page.response = self.head::<T>(&page.url, &mut page.troubles).await?;
                    page.elements = Elements::default();
                }
            }
        }
    }

    /// The first good answer, as soon as its head is there.
    async fn head<T: Record>(&self, url: &Url, troubles: &mut Troubles) -> Result<Response, HarvestError> {
        loop {
            match self.attempt(url, T::COLLECTION).await {
                Ok(response) => return Ok(response),
                Err(trouble) => self.again(trouble, troubles, url, T::COLLECTION).await?,
            }
        }
    }
}

/// A place within the `index`th element as one within the page.
fn within(Undecodable { at, source }: Undecodable, index: usize) -> Undecodable {
    let at = match at.as_str() {
        "." => format!("[{index}]"),
        at if at.starts_with('[') => format!("[{index}]{at}"),
        at => format!("[{index}].{at}"),
    };
    Undecodable { at, source }
}

/// What is wrong with the list itself, before or in its `index`th element.
fn malformed(problem: &Malformed, piece: &[u8], index: usize) -> Undecodable {
    let custom = || serde_json::Error::custom(problem);
    let (at, source) = match problem {
        // Something else than a list: serde says what.
        Malformed::NoList => {
            (".".to_owned(), serde_json::from_slice::<Vec<IgnoredAny>>(piece).err().unwrap_or_else(custom))
        }
        Malformed::Ended("a value") => (".".to_owned(), custom()),
        _ => (format!("[{index}]"), custom()),
    };
    Undecodable { at, source }
}
