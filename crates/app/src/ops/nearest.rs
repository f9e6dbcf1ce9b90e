//! Names that look like one that is not there.

/// How many are offered.
const OFFERED_MAX: usize = 3;

/// Returns the names nearest to a text, the nearest first: those that hold it, and those that few letters away.
pub(crate) fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted = text.to_lowercase();
    let mut near: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let far = distance(&wanted, &lower);
            let holds = wanted.len() >= 3 && lower.contains(&wanted);
            (holds || far <= wanted.chars().count() / 3).then_some((far, name))
        })
        .collect();
    near.sort();
    near.into_iter().take(OFFERED_MAX).map(|(_, name)| name.to_owned()).collect()
}

/// Counts the letters to change, add or take out to get from one text to the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_parts_are_found() {
        let names = ["s3.storage.class", "s3.location", "connection.retry", "connection.retry.delay"];
        let near = |text: &str| nearest(text, names.into_iter());
        assert_eq!(near("s3.locaton"), ["s3.location"]);
        assert_eq!(near("retry"), ["connection.retry", "connection.retry.delay"]);
        assert_eq!(near("S3.Storage.Clas"), ["s3.storage.class"]);
        assert!(near("x").is_empty() && near("").is_empty());
        assert_eq!((distance("", "ab"), distance("kitten", "sitting")), (2, 3));
    }
}
