//! `headwater test`: whether continuous queries give what the same queries give as batch queries.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::bail;
use headwater_connectors::{ConnectorSet, ConnectorSettings};
use headwater_oracle::random::{Feature, RandomFailure, RandomSettings, Tally, check_random};
use headwater_oracle::{Agreement, CheckSettings, Failure, Test, find_tests};
use headwater_plan::Connectors;
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::TestArgs;

/// Stands for brokers of tables whose rows come from a file.
const ANY_BROKERS: &str = "localhost:9092";
/// The exit code for a test that cannot be run.
const UNUSABLE: u8 = 2;
/// Reasons that are shown of those for which cases were refused.
const SHOWN_REASONS: usize = 8;

/// How the tests have come out so far.
#[derive(Clone, Copy, Debug, Default)]
struct Verdict {
    agreed: usize,
    differing: usize,
    unusable: usize,
}

impl Verdict {
    fn exit_code(self) -> ExitCode {
        match self {
            Verdict { unusable: 1.., .. } => ExitCode::from(UNUSABLE),
            Verdict { differing: 1.., .. } => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        }
    }
}

pub(crate) async fn test(args: TestArgs) -> anyhow::Result<ExitCode> {
    if args.random.is_some() {
        return Ok(random(&args));
    }
    if args.paths.is_empty() {
        bail!("name query files or folders to test, or --random COUNT");
    }
    let mut tests = match find_tests(&args.paths) {
        Ok(tests) => tests,
        Err(failure) => {
            eprintln!("error: {failure}");
            return Ok(ExitCode::from(UNUSABLE));
        }
    };
    let inputs: BTreeMap<String, PathBuf> = args.inputs.iter().cloned().collect();
    tests.iter_mut().for_each(|test| test.inputs.clone_from(&inputs));
    let mut verdict = Verdict::default();
    for test in &tests {
        run(test, &args, &mut verdict).await;
    }
    if !args.quiet && tests.len() > 1 {
        let Verdict { agreed, differing, unusable } = verdict;
        println!("{agreed} agree, {differing} differ, {unusable} cannot be tested");
    }
    Ok(verdict.exit_code())
}

async fn run(test: &Test, args: &TestArgs, verdict: &mut Verdict) {
    let bar = spinner(&format!("{} …", test.name));
    let began = Instant::now();
    let checked = match test.sql() {
        Ok(sql) => {
            let settings = CheckSettings { seed: args.seed, rounds: args.rounds };
            test.check(&sql, connectors(test.folder()), &settings).await.map_err(|failure| (failure, sql))
        }
        Err(failure) => Err((failure, String::new())),
    };
    bar.finish_and_clear();
    match checked {
        Ok(agreement) => {
            verdict.agreed += 1;
            if !args.quiet {
                println!("ok    {}: {} in {} ms", test.name, summary(&agreement), began.elapsed().as_millis());
            }
            for (table, late) in &agreement.late {
                eprintln!(
                    "note: {late} rows of '{table}' come later than its watermark allows; they were fed in time, and a \
                     running query drops what is too late for its window"
                );
            }
        }
        Err((failure, sql)) => {
            if failure.is_difference() {
                verdict.differing += 1;
            } else {
                verdict.unusable += 1;
            }
            eprintln!("WRONG {}: {}", test.name, shown(test, &failure, &sql));
            if failure.is_difference() {
                eprintln!("again: headwater test {} --seed {}", test.file.display(), args.seed);
            }
        }
    }
}

fn summary(agreement: &Agreement) -> String {
    let (read, rows, runs) = (agreement.rows_read, agreement.rows(), agreement.runs);
    format!("{read} rows in, {rows} out, the same in {runs} runs and in batch")
}

fn shown(test: &Test, failure: &Failure, sql: &str) -> String {
    match failure {
        Failure::Refused(diagnostic) => diagnostic.render(&test.file.display().to_string(), sql).trim_end().to_owned(),
        Failure::Differs { difference, .. } => format!("{failure}\n{difference}"),
        other => other.to_string(),
    }
}

/// The connectors with paths as they are seen from a folder.
fn connectors(folder: &Path) -> Arc<dyn Connectors> {
    let (base_dir, bootstrap_servers) = (folder.to_owned(), Some(ANY_BROKERS.to_owned()));
    Arc::new(ConnectorSet::new(ConnectorSettings { base_dir, bootstrap_servers, log_id: None }))
}

fn random(args: &TestArgs) -> ExitCode {
    let count = args.random.unwrap_or(0);
    let threads = args.threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    let features = if args.features.is_empty() { Feature::ALL.to_vec() } else { args.features.clone() };
    let settings = RandomSettings { count, seed: args.seed, threads, features };
    let bar = ProgressBar::new(count);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} cases, {per_sec}, {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let began = Instant::now();
    let tally = check_random(&settings, &|tally| {
        bar.set_position(tally.cases());
        bar.set_message(format!("{} failed", tally.failures.len()));
    });
    bar.finish_and_clear();
    for found in &tally.failures {
        print_failure(found);
        if let Some(Err(failure)) = args.keep.as_ref().map(|folder| found.case.keep(folder)) {
            eprintln!("error: {failure}");
        }
    }
    if !args.quiet || !tally.failures.is_empty() {
        print_tally(&tally, began.elapsed().as_secs_f64());
    }
    if tally.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_failure(found: &RandomFailure) {
    let (case, failure) = (&found.case, &found.failure);
    println!("WRONG case {}: {failure}", case.seed);
    if let Failure::Differs { difference, .. } = failure {
        println!("{difference}");
    }
    println!("\n{}", case.sql);
    match case.json() {
        Ok(files) => files.iter().for_each(|(table, lines)| println!("{table}.json:\n{lines}")),
        Err(error) => println!("{error}"),
    }
    println!("again: headwater test --random 1 --seed {} (with the same --features)\n", case.seed);
}

fn print_tally(tally: &Tally, seconds: f64) {
    let cases = tally.cases();
    let share = |count: u64| 100.0 * count as f64 / cases.max(1) as f64;
    println!(
        "{cases} cases in {seconds:.1} s ({:.0} a second): {} agree ({} of them with rows), {} differ",
        cases as f64 / seconds.max(1e-9),
        tally.agreed,
        tally.with_rows,
        tally.failures.len()
    );
    for (what, reasons) in [("refused", &tally.refused), ("without a batch answer", &tally.unanswered)] {
        let total: u64 = reasons.values().sum();
        if total == 0 {
            continue;
        }
        println!("{total} ({:.1} %) {what}:", share(total));
        let mut sorted: Vec<_> = reasons.iter().collect();
        sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (reason, count) in sorted.into_iter().take(SHOWN_REASONS) {
            println!("  {count} × {reason}");
        }
    }
}

fn spinner(message: &str) -> ProgressBar {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    bar.set_message(message.to_owned());
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}
