//! Tests as files: a query file, the rows of its tables beside it, and what it should answer where somebody knows.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::json::ReaderBuilder;
use arrow::record_batch::RecordBatch;
use headwater_plan::Connectors;

use crate::bench::{Bench, Replacement};
use crate::check::{Agreement, CheckSettings, Question, check};
use crate::compare::compare;
use crate::error::Failure;

/// The query of a test that is a folder.
const QUERY: &str = "query.sql";
/// Its expected rows, where it has one output.
const EXPECTED: &str = "expected.json";

/// A query file with its tables.
#[derive(Clone, Debug)]
pub struct Test {
    /// What it is called: its folder, or its file.
    pub name: String,
    /// The query file.
    pub file: PathBuf,
    /// Files that are read in place of tables, by the table's name.
    pub inputs: BTreeMap<String, PathBuf>,
}

impl Test {
    /// The test of a query file.
    pub fn new(file: PathBuf) -> Self {
        let named = if file.file_name().is_some_and(|name| name == QUERY) { file.parent() } else { None };
        let stem = named.and_then(Path::file_name).or(file.file_stem());
        let name = stem.map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into_owned());
        Test { name, file, inputs: BTreeMap::new() }
    }

    /// The folder that paths in the query are seen from.
    pub fn folder(&self) -> &Path {
        match self.file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// The query.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sql(&self) -> Result<String, Failure> {
        std::fs::read_to_string(&self.file).map_err(|error| file_error(&self.file, error))
    }

    /// Checks the query, and its answer against the expected rows where there are some. `connectors` declare its
    /// tables, with paths seen from the test's folder.
    ///
    /// # Errors
    /// As [`check`], and when the expected rows differ or cannot be read.
    pub async fn check(
        &self,
        sql: &str,
        connectors: Arc<dyn Connectors>,
        settings: &CheckSettings,
    ) -> Result<Agreement, Failure> {
        let mut replacements = BTreeMap::new();
        for (table, file) in &self.inputs {
            replacements.insert(table.clone(), replacement(table, file)?);
        }
        let bench = Bench::new(connectors).with_replacements(replacements);
        let question = Question { sql, bench: &bench, inputs: BTreeMap::new() };
        let agreement = check(question, settings).await?;
        if let Some(unknown) = self.inputs.keys().find(|table| !bench.knows(table)) {
            return Err(Failure::input(unknown, "the query reads no table of this name"));
        }
        for (output, answer) in &agreement.answers {
            self.compare_expected(output, agreement.answers.len() == 1, answer)?;
        }
        Ok(agreement)
    }

    fn compare_expected(&self, output: &str, only: bool, answer: &[RecordBatch]) -> Result<(), Failure> {
        let Some(file) = self.expected_file(output, only) else { return Ok(()) };
        let schema = answer.first().map_or_else(|| Arc::new(Schema::empty()), |batch| batch.schema());
        let expected = read_expected(&file, &schema).map_err(|error| file_error(&file, error))?;
        let compared = compare(&expected, answer).map_err(|error| file_error(&file, error))?;
        match compared {
            None => Ok(()),
            Some(difference) => {
                let phase = format!("the batch answer against {}", file.display());
                Err(Failure::Differs { phase, output: output.to_owned(), difference: Box::new(difference) })
            }
        }
    }

    /// `expected.json` or `<output>.expected.json` in the test's folder; `<query>.expected.json` beside a query file.
    fn expected_file(&self, output: &str, only: bool) -> Option<PathBuf> {
        let mut names = vec![format!("{output}.{EXPECTED}")];
        if only {
            let folder = self.file.file_name().is_some_and(|name| name == QUERY);
            names.push(if folder { EXPECTED.to_owned() } else { format!("{}.{EXPECTED}", self.name) });
        }
        names.iter().map(|name| self.folder().join(name)).find(|file| file.is_file())
    }
}

/// The rows of a file of JSON lines, in these columns.
fn read_expected(file: &Path, schema: &SchemaRef) -> Result<Vec<RecordBatch>, Box<dyn std::error::Error>> {
    let nullable = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Arc::new(Schema::new(nullable.collect::<Vec<Field>>()));
    let reader = ReaderBuilder::new(schema).with_strict_mode(true).build(BufReader::new(File::open(file)?))?;
    Ok(reader.collect::<Result<Vec<_>, _>>()?)
}

/// How a file is read in place of a table, by its ending.
fn replacement(table: &str, file: &Path) -> Result<Replacement, Failure> {
    let path = std::path::absolute(file).map_err(|error| file_error(file, error))?;
    if !path.is_file() {
        return Err(file_error(file, format!("there is no such file for table '{table}'")));
    }
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let (connector, format) = match ending.as_str() {
        "json" | "jsonl" | "ndjson" => ("single_file", "json"),
        "csv" => ("single_file", "csv"),
        "parquet" => ("filesystem", "parquet"),
        _ => return Err(file_error(file, "its ending should be .json, .jsonl, .csv or .parquet")),
    };
    let option = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let options = vec![option("path", &path.to_string_lossy()), option("format", format), option("type", "source")];
    Ok(Replacement { connector: connector.to_owned(), options })
}

/// The tests below some paths: a query file is one, a folder with a `query.sql` is one, and any other folder holds the
/// tests of its query files and folders.
///
/// # Errors
/// When a path cannot be read, or holds no test.
pub fn find_tests(paths: &[PathBuf]) -> Result<Vec<Test>, Failure> {
    let mut tests = Vec::new();
    for path in paths {
        let before = tests.len();
        if path.is_dir() {
            in_folder(path, &mut tests)?;
        } else if path.is_file() {
            tests.push(Test::new(path.clone()));
        } else {
            return Err(file_error(path, "there is no such file or folder"));
        }
        if tests.len() == before {
            return Err(file_error(path, "there is no .sql file in it"));
        }
    }
    Ok(tests)
}

fn in_folder(folder: &Path, tests: &mut Vec<Test>) -> Result<(), Failure> {
    let query = folder.join(QUERY);
    if query.is_file() {
        tests.push(Test::new(query));
        return Ok(());
    }
    let failed = |error: std::io::Error| file_error(folder, error);
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let mut paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            in_folder(&path, tests)?;
        } else if path.extension().is_some_and(|ending| ending == "sql") {
            tests.push(Test::new(path));
        }
    }
    Ok(())
}

fn file_error(path: &Path, reason: impl ToString) -> Failure {
    Failure::File { path: path.to_owned(), reason: reason.to_string() }
}
