//! What can go wrong in the server, and how an error with its causes becomes one line for a person.

use std::error::Error;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use datafusion::error::DataFusionError;
use headwater_core::OperatorError;

/// Why a query over history and now was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The text is no SQL, or not one statement.
    #[error("could not read the statement")]
    Parse {
        /// Why.
        source: DataFusionError,
    },
    /// There is no statement, or more than one.
    #[error("expected one statement, found {found}")]
    Statements {
        /// How many there are.
        found: usize,
    },
    /// The statement would change something.
    #[error("{statement} is refused: queries here only read")]
    ReadOnly {
        /// Its first words.
        statement: String,
    },
    /// A name, a type or a function does not fit.
    #[error("could not plan the query")]
    Plan {
        /// Why.
        source: DataFusionError,
        /// What to write instead.
        hint: Option<String>,
    },
    /// The query began and then failed.
    #[error("could not run the query")]
    Run {
        /// Why.
        source: DataFusionError,
    },
    /// Rows could not be written as JSON or Arrow.
    #[error("could not write rows as {format}")]
    Encode {
        /// The format.
        format: &'static str,
        /// Why.
        source: arrow::error::ArrowError,
    },
    /// A view could not be read.
    #[error("could not read view {view}")]
    View {
        /// Its name.
        view: String,
        /// Why.
        source: OperatorError,
    },
    /// There is no such view.
    #[error("there is no materialized view {name}")]
    NoView {
        /// What was asked for.
        name: String,
        /// What there is instead.
        hint: Option<String>,
    },
    /// There is no such continuous query.
    #[error("there is no query {name}")]
    NoQuery {
        /// What was asked for.
        name: String,
        /// What there is instead.
        hint: Option<String>,
    },
}

impl QueryError {
    /// What to do instead, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            QueryError::Statements { .. } => Some("send one statement at a time".to_owned()),
            QueryError::ReadOnly { .. } => Some(
                "use SELECT, SHOW, DESCRIBE or EXPLAIN; what changes tables is a file in the queries folder".to_owned(),
            ),
            QueryError::Plan { hint, .. } | QueryError::NoView { hint, .. } | QueryError::NoQuery { hint, .. } => {
                hint.clone()
            }
            _ => None,
        }
    }

    /// Whether the asker can mend it by asking something else.
    pub fn is_askers_mistake(&self) -> bool {
        !matches!(self, QueryError::Run { .. } | QueryError::Encode { .. } | QueryError::View { .. })
    }
}

/// Why the server did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The folder of query files cannot be read.
    #[error("could not read the folder of queries {}", path.display())]
    QueriesDir {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A query file cannot be read.
    #[error("could not read {}", path.display())]
    QueryFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A query file is wrong. The rendered diagnostic shows the place.
    #[error("{rendered}")]
    Query {
        /// File, line, the marked place, and the hint.
        rendered: String,
    },
    /// Two query files, or a query file and the server, use a name for different things.
    #[error("{what} {name} is declared in {first} and, differently, in {second}")]
    Conflict {
        /// `table`, `materialized view` or `query`.
        what: &'static str,
        /// The name.
        name: String,
        /// Where it was first.
        first: String,
        /// Where it was again.
        second: String,
    },
    /// A port cannot be listened on.
    #[error("could not listen on {address} for {service}: choose another address with {flag}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// `gRPC`, `REST`.
        service: &'static str,
        /// The flag that changes it.
        flag: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The folder for checkpoints cannot be used.
    #[error("could not use the checkpoint folder {}", path.display())]
    CheckpointDir {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A job did not start.
    #[error("could not start query {query}")]
    Job {
        /// Its name.
        query: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The engine for queries could not be set up.
    #[error("could not set up the query engine")]
    Engine {
        /// Why.
        source: DataFusionError,
    },
    /// A server stopped serving.
    #[error("the {service} server failed")]
    Server {
        /// `gRPC`, `REST`.
        service: &'static str,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// An error and its causes, from the outermost in, with colons between.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = words(error);
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = words(error);
        // Some libraries repeat their cause in their own words.
        if !text.ends_with(&words) {
            let _ = write!(text, ": {words}");
        }
        cause = error.source();
    }
    text
}

/// What an error says, without the backtrace that DataFusion may append.
fn words(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<DataFusionError>() {
        Some(error) => error.strip_backtrace(),
        None => error.to_string(),
    }
}
