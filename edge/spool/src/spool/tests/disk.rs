//! The spool on a real disk: what the fake file system has to be believed for.

use super::*;

#[test]
fn a_spool_has_one_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b");
    let spool = Spool::open(&path, OPTIONS, NOW).unwrap();
    let error = Spool::open(&path, OPTIONS, NOW).err().unwrap();
    assert!(matches!(error, SpoolError::InUse { .. }) && error.to_string().contains("a/b"), "{error}");
    drop(spool);
    Spool::open(&path, OPTIONS, NOW).unwrap();
}

#[test]
fn a_spool_lives_on_a_real_disk() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("00000000000000000003.seg")).unwrap();
    let options = SpoolOptions { sync: SyncPolicy::EveryMessage, ..OPTIONS };
    let mut spool = Spool::open(folder.path(), options, NOW).unwrap();
    assert_eq!(spool.opened().alien_files.len(), 1, "a directory is no segment");
    appended(&mut spool, 30);
    spool.ack(7).unwrap();
    spool.ack(12).unwrap();
    drop(spool);
    let mut spool = Spool::open(folder.path(), options, NOW).unwrap();
    assert_eq!(numbers(&mut spool), (12..30).collect::<Vec<_>>());
    spool.append(b"record 30", 1, NOW).unwrap();
    assert_eq!(numbers(&mut spool), (12..31).collect::<Vec<_>>());
    let in_files: u64 = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.extension().is_some())
        .map(|path| path.metadata().unwrap().len())
        .sum();
    assert_eq!(spool.stats(NOW).bytes, in_files);
}
