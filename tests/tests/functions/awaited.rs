//! Functions that wait for their answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::{Array, ArrayRef};
use arrow::compute::kernels::numeric::add;
use arrow::datatypes::DataType;
use async_trait::async_trait;
use headwater_core::AsyncFunction;
use headwater_core::function::CallError;
use tokio::sync::{Notify, Semaphore};

use super::{ROWS, agree, refused, run, with_async};

/// What a [`Doubled`] does beside doubling.
#[derive(Debug)]
enum Manner {
    /// Nothing.
    Plain,
    /// Its first call answers only when the second has.
    SecondFirst(Notify),
    /// It fails so often, and may be asked again.
    Away(usize),
    /// It fails.
    Broken,
    /// It never answers, and says that it was asked.
    Silent(Arc<Semaphore>),
    /// It gives a value too few.
    Short,
}

/// `doubled(n)`
#[derive(Debug)]
struct Doubled {
    manner: Manner,
    calls: Arc<AtomicUsize>,
    deterministic: bool,
}

impl Doubled {
    fn new(manner: Manner) -> Self {
        Doubled { manner, calls: Arc::default(), deterministic: true }
    }
}

#[async_trait]
impl AsyncFunction for Doubled {
    fn name(&self) -> &str {
        "doubled"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![DataType::Int64]
    }

    fn returns(&self) -> DataType {
        DataType::Int64
    }

    fn deterministic(&self) -> bool {
        self.deterministic
    }

    fn timeout(&self) -> Duration {
        if matches!(self.manner, Manner::Silent(_)) { Duration::from_millis(20) } else { Duration::from_secs(60) }
    }

    async fn call(&self, arguments: &[ArrayRef], rows: usize) -> Result<ArrayRef, CallError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        assert!(arguments.iter().all(|column| column.len() == rows));
        let answer = add(&arguments[0], &arguments[0]).map_err(CallError::fatal)?;
        match &self.manner {
            Manner::SecondFirst(second) if call == 0 => second.notified().await,
            Manner::SecondFirst(second) if call == 1 => second.notify_one(),
            Manner::Away(times) if call < *times => return Err(CallError::retryable("nobody is there")),
            Manner::Broken => return Err(CallError::fatal("it is out of order")),
            Manner::Silent(asked) => {
                asked.add_permits(1);
                std::future::pending().await
            }
            Manner::Short => return Ok(answer.slice(1, rows - 1)),
            _ => tokio::task::yield_now().await,
        }
        Ok(answer)
    }
}

#[tokio::test]
async fn queries_that_wait_agree_with_batch() {
    let query = "
        INSERT INTO answers
        SELECT tumble(interval '1 minute') AS window, d % 3 AS k, count(*) AS n, max(d) AS most
        FROM (SELECT doubled(n) + 1 AS d FROM numbers WHERE n % 2 = 0 AND doubled(n) % 3 <> 1)
        GROUP BY window, d % 3;";
    let agreement = agree(query, with_async(Doubled::new(Manner::Plain))).await.unwrap();
    assert_eq!(agreement.rows(), 50 * 2);
}

#[tokio::test]
async fn an_answer_may_be_what_the_next_call_asks_about() {
    let functions = with_async(Doubled::new(Manner::Plain));
    let query = "INSERT INTO answers SELECT doubled(doubled(n) + 1) - doubled(n) AS d FROM numbers WHERE doubled(doubled(n)) < 10;";
    let lines = run(query, &functions).await.unwrap();
    assert_eq!(lines, [r#"{"d":2}"#, r#"{"d":4}"#, r#"{"d":6}"#]);
}

#[tokio::test]
async fn over_changes_a_deterministic_function_agrees_with_batch() {
    let query = "SELECT k, doubled(n) + 1 AS d FROM (SELECT n % 10 AS k, count(*) AS n FROM numbers GROUP BY n % 10);";
    let agreement = agree(query, with_async(Doubled::new(Manner::Plain))).await.unwrap();
    assert_eq!(agreement.rows(), 10);
    let any = Doubled { deterministic: false, ..Doubled::new(Manner::Plain) };
    let error = refused(query, &with_async(any));
    let said = "doubled() is asked about rows that may be taken back, and may not say the same twice";
    assert_eq!(error.message, said);
    assert!(error.span.is_some());
}

#[tokio::test]
async fn answers_keep_the_order_of_rows_though_several_batches_are_asked_about_at_once() {
    let functions = with_async(Doubled::new(Manner::SecondFirst(Notify::new())));
    let lines = run("INSERT INTO answers SELECT doubled(n) AS d FROM numbers;", &functions).await.unwrap();
    let expected: Vec<String> = (0..ROWS).map(|n| format!(r#"{{"d":{}}}"#, 2 * n)).collect();
    assert!(lines == expected, "{} lines, from {:?}", lines.len(), lines.first());
}

#[tokio::test]
async fn a_failure_that_passes_starts_the_job_again() {
    let away = Doubled::new(Manner::Away(2));
    let calls = away.calls.clone();
    let query = "INSERT INTO answers SELECT n FROM numbers WHERE doubled(n) % 20000 = 0;";
    let lines = run(query, &with_async(away)).await.unwrap();
    assert_eq!(lines, [r#"{"n":0}"#, r#"{"n":10000}"#, r#"{"n":20000}"#]);
    assert!(calls.load(Ordering::SeqCst) > 2);
}

#[tokio::test]
async fn a_failure_that_stays_ends_the_job_with_the_name_of_the_function() {
    let ends = async |manner, sql: &str| {
        let error = run(sql, &with_async(Doubled::new(manner))).await.unwrap_err();
        headwater_runtime::error_chain(&error)
    };
    let query = "INSERT INTO answers SELECT doubled(n) AS d FROM numbers WHERE n < 5;";
    let broken = ends(Manner::Broken, query).await;
    assert!(broken.ends_with("function doubled: could not answer for 5 rows: it is out of order"), "{broken}");
    let short = ends(Manner::Short, query).await;
    assert!(short.ends_with("function doubled: could not answer for 5 rows: it gave 4 values"), "{short}");
}

#[tokio::test]
async fn a_call_without_an_answer_is_a_failure_that_may_pass() {
    let asked = Arc::new(Semaphore::new(0));
    let functions = with_async(Doubled::new(Manner::Silent(asked.clone())));
    let query = "INSERT INTO answers SELECT doubled(n) AS d FROM numbers WHERE n < 5;";
    tokio::select! {
        ended = run(query, &functions) => panic!("the job ended: {ended:?}"),
        three_times = asked.acquire_many(3) => drop(three_times.unwrap()),
    }
}

#[test]
fn where_nobody_can_wait_the_call_is_refused() {
    let functions = with_async(Doubled::new(Manner::Plain));
    for query in [
        "SELECT sum(doubled(n)) FROM numbers;",
        "SELECT a.n FROM numbers a JOIN numbers b ON doubled(a.n) = b.n;",
        "SELECT lag(doubled(n)) OVER (PARTITION BY n % 3 ORDER BY ts) FROM numbers;",
        "CREATE TABLE t (a BIGINT, b BIGINT GENERATED ALWAYS AS (doubled(a)))
             WITH (connector = 'single_file', path = 't.json', type = 'source');",
    ] {
        let error = refused(query, &functions);
        assert_eq!(error.message, "'doubled' waits for its answer, so it is called in SELECT or WHERE", "{query}");
        assert!(error.span.is_some(), "{query}");
    }
}

#[test]
fn arguments_are_cast_to_what_was_declared() {
    let functions = with_async(Doubled::new(Manner::Plain));
    let error = refused("SELECT doubled(ts) FROM numbers;", &functions);
    assert!(error.message.contains("doubled"), "{}", error.message);
}
