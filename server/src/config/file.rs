//! Settings from a TOML file. They stand in for the defaults of flags: so flags and variables override them, and all three
//! are validated alike.

use std::{ffi::OsString, fs};

use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches, error::ErrorKind};
use toml::{Table, Value};

use super::arguments::Cli;

/// Flags that are no settings.
const NO_SETTINGS: [&str; 3] = ["config", "help", "version"];

impl Cli {
    /// Reads the command line, the environment and the file that they name, in this order of precedence.
    ///
    /// # Errors
    /// A message that says what to change, and in which file if it stands in one; also the answer to `--help`.
    pub fn read(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, clap::Error> {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let cli = Self::from_arg_matches(&Self::command().try_get_matches_from(&arguments)?)?;
        let Some(file) = &cli.config else { return Ok(cli) };

        // What was given is good: whatever is wrong from here on stands in the file.
        let blame = |kind, reason: &str| {
            // What follows the first paragraph is help, which knows nothing of files.
            let lines = reason.split("\n\n").next().unwrap_or(reason).trim_start_matches("error: ").lines();
            let reason = lines.map(str::trim).collect::<Vec<_>>().join(" ");
            clap::Error::raw(kind, format!("{}: {reason}\n", file.display()))
        };
        let text = fs::read_to_string(file).map_err(|error| blame(ErrorKind::Io, &error.to_string()))?;
        let settings = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
            blame(ErrorKind::Format, &format!("line {line}: {}", error.message()))
        })?;
        let defaults = defaults(settings).map_err(|reason| blame(ErrorKind::InvalidValue, &reason))?;
        let command = with_defaults(Self::command(), &defaults);
        let matches =
            command.try_get_matches_from(&arguments).map_err(|error| blame(error.kind(), &error.to_string()))?;
        Self::from_arg_matches(&matches)
    }
}

/// What can be set in a file: the flags of `serve` and those of all commands.
pub fn settings(command: &Command) -> Vec<&Arg> {
    let serve = command.find_subcommand("serve").into_iter().flat_map(Command::get_arguments);
    let all = serve.chain(command.get_arguments());
    all.filter(|arg| arg.get_long().is_some_and(|name| !NO_SETTINGS.contains(&name))).collect()
}

/// The values of each setting as a flag takes them.
fn defaults(file: Table) -> Result<Vec<(String, Vec<String>)>, String> {
    let command = Cli::command();
    let known = settings(&command);
    let defaults = file.into_iter().map(|(name, value)| {
        let Some(setting) = known.iter().find(|setting| setting.get_long() == Some(&name)) else {
            let known: Vec<_> = known.iter().filter_map(|setting| setting.get_long()).collect();
            return Err(format!("there is no setting '{name}'; there are {}", known.join(", ")));
        };
        let values = values(value).ok_or_else(|| {
            format!("the value of '{name}' must be a text, a whole number, or a list of them in brackets")
        })?;
        if values.len() != 1 && !matches!(setting.get_action(), ArgAction::Append) {
            return Err(format!("'{name}' takes one value"));
        }
        Ok((name, values))
    });
    defaults.collect()
}

/// A list is a flag that is repeated; a table, such as `{ browser = 60 }`, one of `NAME=VALUE`.
fn values(value: Value) -> Option<Vec<String>> {
    let plain = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Value::Array(values) => values.into_iter().map(plain).collect(),
        Value::Table(table) => {
            table.into_iter().map(|(name, value)| Some(format!("{name}={}", plain(value)?))).collect()
        }
        value => Some(vec![plain(value)?]),
    }
}

/// The command and those below it, with these defaults where they have such a flag.
fn with_defaults(mut command: Command, defaults: &[(String, Vec<String>)]) -> Command {
    for (name, values) in defaults {
        let id = command.get_arguments().find(|arg| arg.get_long() == Some(name)).map(|arg| arg.get_id().clone());
        if let Some(id) = id {
            command = command.mut_arg(id, |arg| arg.default_values(values));
        }
    }
    let below: Vec<_> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    below
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, |below| with_defaults(below, defaults)))
}
