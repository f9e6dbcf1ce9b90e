//! Tables: columns as wide as their widest cell, without lines, readable when copied.

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// To the left, for names.
    Left,
    /// To the right, for numbers.
    Right,
}

/// Lays out rows of cells; the last column is never padded.
pub(crate) fn table(alignment: &[Align], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..alignment.len())
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        for (column, cell) in row.iter().enumerate() {
            if column > 0 {
                text.push_str("  ");
            }
            let padding = " ".repeat(widths[column] - cell.chars().count());
            match alignment[column] {
                Align::Right => {
                    text.push_str(&padding);
                    text.push_str(cell);
                }
                Align::Left if column + 1 == row.len() => text.push_str(cell),
                Align::Left => {
                    text.push_str(cell);
                    text.push_str(&padding);
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows =
            [vec!["1 B".into(), "a".into(), "x".into()], vec!["10 MiB".into(), "long".into(), "y".into()]];
        assert_eq!(
            table(&[Align::Right, Align::Left, Align::Left], &rows),
            "   1 B  a     x\n10 MiB  long  y"
        );
    }
}
