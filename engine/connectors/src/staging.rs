//! The names of what is staged, for the connectors that make output visible only after its checkpoint.

use headwater_core::Epoch;

/// Where a sink stages, below the staging folder: `<job>/<node>`. What a job is called may not be what a folder can be
/// called, and two jobs must never share one.
pub(crate) fn staging_folder(job: &str, node: usize) -> String {
    let mut folder = String::with_capacity(job.len() + 4);
    for byte in job.bytes() {
        match byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            true => folder.push(char::from(byte)),
            false => folder.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("{folder}/{node}")
}

/// The beginning of a staged file's name.
pub(crate) fn staged_name(epoch: Epoch) -> String {
    format!("part-{epoch:010}")
}

/// The epoch in a staged file's name.
pub(crate) fn epoch_of(name: &str) -> Option<Epoch> {
    name.strip_prefix("part-")?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_never_share_a_folder() {
        let folders: std::collections::BTreeSet<String> =
            ["a/b", "a_b", "a%2Fb", "a.b", "..", "", "a b"].iter().map(|job| staging_folder(job, 3)).collect();
        assert_eq!(folders.len(), 7);
        assert!(folders.iter().all(|folder| folder.matches('/').count() == 1 && !folder.contains('.')), "{folders:?}");
    }

    #[test]
    fn the_epoch_is_in_the_name() {
        assert_eq!(epoch_of(&format!("{}-0-1-abc.parquet", staged_name(12))), Some(12));
        assert_eq!(epoch_of("open-0-abc"), None);
    }
}
