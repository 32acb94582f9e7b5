//! Rows as CSV (RFC 4180). Names come from clients: one that a spreadsheet would run as
//! a formula is made text.

/// One cell.
pub(super) enum Cell {
    /// What somebody wrote.
    Text(String),
    /// A number as it stands; `None` = unknown, an empty cell.
    Number(Option<f64>),
    /// A whole number.
    Count(i64),
}

/// A head and rows of as many cells.
pub(super) struct Sheet {
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// The whole document.
pub(super) fn document(sheet: &Sheet) -> String {
    let mut text = format!("{}\r\n", sheet.head.join(","));
    text.extend(sheet.rows.iter().map(|row| line(row)));
    text
}

/// One row with its end.
pub(super) fn line(row: &[Cell]) -> String {
    let cells: Vec<_> = row.iter().map(written).collect();
    format!("{}\r\n", cells.join(","))
}

fn written(cell: &Cell) -> String {
    match cell {
        Cell::Count(n) => n.to_string(),
        Cell::Number(n) => n.map(|n| n.to_string()).unwrap_or_default(),
        Cell::Text(text) => {
            // https://owasp.org/www-community/attacks/CSV_Injection
            let safe = match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
                true => format!("'{text}"),
                false => text.clone(),
            };
            match safe.contains(['"', ',', '\n', '\r']) {
                true => format!("\"{}\"", safe.replace('"', "\"\"")),
                false => safe,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("gpt-4o", "gpt-4o")]
    #[case("a,b", "\"a,b\"")]
    #[case("say \"hi\"\n", "\"say \"\"hi\"\"\n\"")]
    #[case("=1+1", "'=1+1")]
    #[case("@SUM(A1,A2)", "\"'@SUM(A1,A2)\"")]
    #[case("狐狸", "狐狸")]
    fn what_somebody_wrote_stays_text(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(written(&Cell::Text(text.to_owned())), expected);
    }

    #[test]
    fn rows_have_a_head_and_what_is_unknown_is_empty() {
        let rows = vec![
            vec![Cell::Count(-3), Cell::Number(None)],
            vec![Cell::Count(1), Cell::Number(Some(0.5))],
        ];
        assert_eq!(document(&Sheet { head: vec!["a", "b"], rows }), "a,b\r\n-3,\r\n1,0.5\r\n");
    }
}
