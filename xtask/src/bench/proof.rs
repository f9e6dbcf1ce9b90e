//! Looks whether a run did its work: no contestant wins by leaving something out.
//!
//! Downloads are compared byte by byte, lists name by name. What was sent to the answering peer is compared by length and
//! CRC-64/NVME of every object; on SeaweedFS by number, bytes, and the content of a sample.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::contestants::BUCKET;
use super::pattern::Pattern;
use super::stage::{Peer, Stage};
use super::work::Work;
use crate::process;

/// How many objects of a real server are read back.
const SAMPLE: u64 = 25;

/// Objects below a prefix are those of the work, and nothing else is there.
pub(crate) fn objects(stage: &Stage<'_>, peer: Peer, prefix: &str, work: &Work) -> Result<(), String> {
    match peer {
        Peer::Answerer => sums(&stage.sums(prefix)?, work),
        Peer::SeaweedFs | Peer::Sandbox => {
            let (bytes, count) = usage(stage, peer, prefix)?;
            if (bytes, count) != (work.bytes(), work.files) {
                return Err(format!(
                    "{count} objects of {bytes} bytes, for {} of {}",
                    work.files,
                    work.bytes()
                ));
            }
            sample(stage, peer, prefix, work)
        }
    }
}

/// Nothing is below a prefix.
pub(crate) fn nothing(stage: &Stage<'_>, peer: Peer, prefix: &str) -> Result<(), String> {
    let left = match peer {
        Peer::Answerer => stage.sums(prefix)?.lines().count() as u64,
        Peer::SeaweedFs | Peer::Sandbox => usage(stage, peer, prefix)?.1,
    };
    if left == 0 { Ok(()) } else { Err(format!("{left} objects are left")) }
}

/// Compares what the answering peer holds, a line an object: size, sum, path.
fn sums(text: &str, work: &Work) -> Result<(), String> {
    let mut held: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some(size), Some(sum), Some(path)) => drop(held.insert(path, (size, sum))),
            (Some("unfinished"), Some(count), None) => return Err(format!("{count} uploads are unfinished")),
            _ => return Err(format!("a sum that is none: {line:?}")),
        }
    }
    for (path, size) in work.all() {
        let Some((held_size, held_sum)) = held.remove(path.as_str()) else {
            return Err(format!("{path} is missing"));
        };
        let sum = format!("{:016x}", Pattern::of(&path, size).sum());
        if (held_size, held_sum) != (size.to_string().as_str(), sum.as_str()) {
            return Err(format!("{path} is not what was sent: {held_size} bytes, sum {held_sum}"));
        }
    }
    held.keys().next().map_or(Ok(()), |path| Err(format!("{path} should not be there")))
}

/// Bytes and number of the objects below a prefix.
fn usage(stage: &Stage<'_>, peer: Peer, prefix: &str) -> Result<(u64, u64), String> {
    let mut du = stage.s5cmd(peer)?;
    let (status, text) = process::capture(du.args(["du", &format!("s3://{BUCKET}/{prefix}*")]), false)?;
    if text.contains("no object found") {
        return Ok((0, 0));
    }
    // `40960000 bytes in 10000 objects: s3://…`
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers.as_slice() {
        [bytes, count, ..] if status.success() => Ok((*bytes, *count)),
        _ => Err(format!("s5cmd du says {text:?}")),
    }
}

fn sample(stage: &Stage<'_>, peer: Peer, prefix: &str, work: &Work) -> Result<(), String> {
    let folder = stage.path("sample");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let picked: Vec<u64> =
        (0..SAMPLE.min(work.files)).map(|at| at * work.files / SAMPLE.min(work.files)).collect();
    let mut orders = String::new();
    for &index in &picked {
        let (path, _) = work.file(index);
        let name = path.rsplit('/').next().unwrap_or_default();
        orders += &format!("cp s3://{BUCKET}/{prefix}{path} {}\n", folder.join(name).display());
    }
    let list = folder.join("orders");
    fs::write(&list, orders).map_err(|error| error.to_string())?;
    process::quietly(stage.s5cmd(peer)?.arg("run").arg(&list))?;
    for index in picked {
        let (path, size) = work.file(index);
        let name = path.rsplit('/').next().unwrap_or_default();
        same(&folder.join(name), Pattern::of(name, size), size)?;
    }
    fs::remove_dir_all(&folder).map_err(|error| error.to_string())
}

/// Files below a folder are those of the work, and nothing else is there.
pub(crate) fn files(root: &Path, work: &Work) -> Result<(), String> {
    for (path, size) in work.all() {
        same(&root.join(&path), Pattern::of(&path, size), size)?;
    }
    let there = count(root)?;
    if there == work.files { Ok(()) } else { Err(format!("{there} files for {}", work.files)) }
}

fn same(path: &Path, pattern: Pattern, size: u64) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = fs::File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    if length != size {
        return Err(format!("{} has {length} bytes for {size}", path.display()));
    }
    let (mut buffer, mut offset) = (vec![0; 256 * 1024], 0);
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            return Ok(());
        }
        if !pattern.holds(offset, &buffer[..read]) {
            return Err(format!("{} differs after byte {offset}", path.display()));
        }
        offset += read as u64;
    }
}

fn count(folder: &Path) -> Result<u64, String> {
    let (mut folders, mut count): (Vec<PathBuf>, u64) = (vec![folder.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            } else {
                count += 1;
            }
        }
    }
    Ok(count)
}

/// A plan names every file; how it words its lines is its own business.
pub(crate) fn planned(output: &Path, work: &Work) -> Result<(), String> {
    let text = fs::read_to_string(output).map_err(|error| format!("{}: {error}", output.display()))?;
    let name = |line: &'_ str| {
        let from = line.find("folder-")?;
        let to = line[from..].find(".bin")? + from;
        Some(line[from..to].to_owned())
    };
    let mut named: Vec<String> = text.lines().filter_map(name).collect();
    named.sort_unstable();
    named.dedup();
    if named.len() as u64 == work.files {
        Ok(())
    } else {
        Err(format!("the plan names {} of {} files", named.len(), work.files))
    }
}

/// A list names every object once.
pub(crate) fn listed(output: &Path, work: &Work) -> Result<(), String> {
    let text = fs::read_to_string(output).map_err(|error| format!("{}: {error}", output.display()))?;
    let named = text.lines().filter_map(|line| line.find("folder-").map(|at| line[at..].trim_end()));
    let mut named: Vec<&str> = named.collect();
    named.sort_unstable();
    if named.len() as u64 != work.files {
        return Err(format!("{} names for {}", named.len(), work.files));
    }
    for (name, (path, _)) in named.into_iter().zip(work.all()) {
        if name != path {
            return Err(format!("{name} stands where {path} should"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::work::items;

    #[test]
    fn a_sum_that_is_missing_wrong_or_too_many_is_seen() {
        let work = &items("small-up", 0.0)[0];
        let line =
            |(path, size): (String, u64)| format!("{size} {:016x} {path}\n", Pattern::of(&path, size).sum());
        let whole: String = work.all().map(line).collect();
        assert_eq!(sums(&whole, work), Ok(()));
        let without: String = work.all().skip(1).map(line).collect();
        assert!(sums(&without, work).is_err());
        assert!(sums(&whole.replace("4096 ", "4095 "), work).is_err());
        assert!(sums(&(whole.clone() + "1 0000000000000000 more\n"), work).is_err());
        assert!(sums(&(whole + "unfinished 2\n"), work).is_err());
    }

    #[test]
    fn a_file_that_is_missing_wrong_or_too_many_is_seen() {
        let work = &items("small-down", 0.0)[0];
        let folder = tempfile::tempdir().expect("a folder");
        for (path, size) in work.all() {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            let mut bytes = Vec::new();
            Pattern::of(&path.to_string_lossy(), size).range(0, size, &mut |piece| {
                bytes.extend_from_slice(piece);
                true
            });
            fs::write(path, bytes).expect("a file");
        }
        assert_eq!(files(folder.path(), work), Ok(()));
        let extra = folder.path().join("extra.part");
        fs::write(&extra, "").expect("a file");
        assert!(files(folder.path(), work).is_err(), "what is left over");
        fs::remove_file(extra).expect("a file");
        let victim = folder.path().join(work.file(3).0);
        let mut bytes = fs::read(&victim).expect("a file");
        bytes[4000] ^= 1;
        fs::write(&victim, &bytes).expect("a file");
        assert!(files(folder.path(), work).is_err(), "a byte");
        fs::remove_file(victim).expect("a file");
        assert!(files(folder.path(), work).is_err(), "a file");
    }

    #[test]
    fn a_plan_names_every_file() {
        let work = &items("million-plan", 0.0)[0];
        let file = tempfile::NamedTempFile::new().expect("a file");
        let lines: String =
            work.all().map(|(path, _)| format!("upload {path} to b:bench/{path}\n")).collect();
        fs::write(file.path(), &lines).expect("a file");
        assert_eq!(planned(file.path(), work), Ok(()));
        fs::write(file.path(), lines.replace("0000003", "0000002")).expect("a file");
        assert!(planned(file.path(), work).is_err());
    }

    #[test]
    fn a_list_is_read_in_the_form_of_each_program() {
        let work = &items("list", 0.0)[0];
        let file = tempfile::NamedTempFile::new().expect("a file");
        for form in ["2026/11/27 12:00:00   0 ", "p/", "s3://bench/p/", ""] {
            let lines: String = work.all().map(|(path, _)| format!("{form}{path}\n")).collect();
            fs::write(file.path(), &lines).expect("a file");
            assert_eq!(listed(file.path(), work), Ok(()), "{form}");
            fs::write(file.path(), lines.replace("0000003", "0000002")).expect("a file");
            assert!(listed(file.path(), work).is_err());
        }
    }
}
