//! How much memory this process may use, for limits that nobody has set.

use std::path::Path;

/// Where neither the machine nor a container says how much there is.
const UNKNOWN_BYTES: u64 = 4 << 30;
/// Limits of the container: version 2 of cgroups, then version 1.
const CONTAINER_LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// The memory of the machine, or of the container where that has less.
pub(crate) fn memory_bytes() -> usize {
    let read = |path: &str| std::fs::read_to_string(Path::new(path)).ok();
    let limits = CONTAINER_LIMITS.into_iter().filter_map(read);
    let bytes = least(read("/proc/meminfo").as_deref(), limits);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn least(meminfo: Option<&str>, limits: impl Iterator<Item = String>) -> u64 {
    let machine = meminfo.and_then(total);
    // A container without a limit says `max`, or a number beyond any machine.
    let container = limits.filter_map(|limit| limit.trim().parse().ok()).min();
    machine.into_iter().chain(container).min().unwrap_or(UNKNOWN_BYTES)
}

/// `MemTotal` of `/proc/meminfo`, which is in kibibytes.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:       16384256 kB\nMemFree:          123456 kB\n";

    fn limits(texts: &[&str]) -> impl Iterator<Item = String> {
        texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn a_container_may_have_less_than_its_machine() {
        assert_eq!(least(Some(MEMINFO), limits(&["1073741824\n"])), 1 << 30);
        assert_eq!(least(Some(MEMINFO), limits(&["max\n"])), 16_384_256 * 1024);
        assert_eq!(least(Some(MEMINFO), limits(&["9223372036854771712"])), 16_384_256 * 1024);
    }

    #[test]
    fn an_unknown_machine_has_some_memory() {
        assert_eq!(least(None, limits(&[])), UNKNOWN_BYTES);
        assert_eq!(least(Some("nonsense"), limits(&["nonsense"])), UNKNOWN_BYTES);
        assert!(memory_bytes() > 1 << 20);
    }
}
