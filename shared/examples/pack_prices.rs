//! Makes `shared/prices/list.json.zst` from the JSON of the PyPI package `litellm`:
//! `cargo run -p glassway-shared --example pack_prices -- FILE DATE > list.json.zst`.

use std::io::Write;

use glassway_shared::prices::Book;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(date)) = (arguments.next(), arguments.next()) else {
        return Err("usage: pack_prices FILE DATE".into());
    };
    let book = Book::import(&std::fs::read(file)?, &date)?;
    std::io::stdout().write_all(&book.pack())?;
    eprintln!("{} models", book.len());
    Ok(())
}
