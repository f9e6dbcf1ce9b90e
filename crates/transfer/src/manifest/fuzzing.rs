//! A door for the fuzzer, which sees what is public only. Not for use.
//!
//! Pure: bytes in, a number out.

use super::csv::{CsvError, Reader};
use super::{Inventory, Report, TaskRows};

/// Reads any bytes as every kind of list, and tells how many of them they could be.
///
/// # Panics
/// When rows depend on how their bytes were cut.
pub fn lists(bytes: &[u8]) -> usize {
    let whole = rows(&[bytes]);
    let (one, other) = bytes.split_at(bytes.len() / 3);
    assert_eq!(whole, rows(&[one, other]), "rows are the same however their bytes come");
    let tasks = {
        let mut tasks = TaskRows::default();
        tasks.push(bytes).and_then(|_| tasks.finish()).is_ok()
    };
    let inventory = Inventory::parse(bytes);
    if let (Ok(inventory), Ok(rows)) = (&inventory, &whole) {
        for row in rows {
            let fields: Vec<&str> = row.iter().map(String::as_str).collect();
            let _ = inventory.item(&fields);
        }
    }
    let read =
        [whole.is_ok_and(|rows| !rows.is_empty()), tasks, inventory.is_ok(), Report::parse(bytes).is_ok()];
    read.into_iter().filter(|&is_it| is_it).count()
}

fn rows(pieces: &[&[u8]]) -> Result<Vec<Vec<String>>, CsvError> {
    let mut rows = Vec::new();
    let mut reader = Reader::new();
    let mut take = |row: &[&str]| {
        rows.push(row.iter().map(|field| (*field).to_owned()).collect());
        Ok(())
    };
    for piece in pieces {
        reader.push(piece, &mut take)?;
    }
    reader.finish(&mut take)?;
    Ok(rows)
}
