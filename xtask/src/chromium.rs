//! A Chromium for the browser tests, found or set up without asking.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::debian::Apt;
use crate::node::Node;
use crate::steps::{on_path, run, say, starts};

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A browser that Playwright can drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chromium {
    /// The machine's own.
    Installed(PathBuf),
    /// The one that Playwright keeps for itself and finds by itself.
    Playwrights,
}

impl fmt::Display for Chromium {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installed(program) => program.display().fmt(formatter),
            Self::Playwrights => formatter.write_str("Playwright's own Chromium"),
        }
    }
}

/// What is known about the machine. The last two are only asked while no browser is found, and say no once tried.
#[derive(Clone, Debug, Default)]
struct Facts {
    on_path: Option<PathBuf>,
    playwright_has_its_own: bool,
    apt: Option<Apt>,
    download_can_be_tried: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Use(Chromium),
    InstallPackage(Apt),
    Download,
    GiveUp,
}

/// What is there is used before anything is fetched, and the distribution's package, which it keeps up to date, is
/// fetched before Playwright's.
fn next_step(facts: Facts) -> Step {
    if let Some(program) = facts.on_path {
        Step::Use(Chromium::Installed(program))
    } else if facts.playwright_has_its_own {
        Step::Use(Chromium::Playwrights)
    } else if let Some(apt) = facts.apt {
        Step::InstallPackage(apt)
    } else if facts.download_can_be_tried {
        Step::Download
    } else {
        Step::GiveUp
    }
}

/// Finds a browser or sets one up.
///
/// # Errors
/// There is none, and neither apt nor Playwright could fetch one.
pub(crate) fn find(node: &Node) -> Result<Chromium> {
    let (mut apt_was_tried, mut download_was_tried) = (false, false);
    loop {
        let mut facts = Facts { on_path: on_machine(), ..Facts::default() };
        if facts.on_path.is_none() {
            facts.playwright_has_its_own = playwright_has_its_own(node);
            facts.apt = if apt_was_tried { None } else { Apt::find() };
            facts.download_can_be_tried = !download_was_tried;
        }
        let attempt = match next_step(facts) {
            Step::Use(chromium) => {
                say(format!("browser: {chromium}"));
                return Ok(chromium);
            }
            Step::InstallPackage(apt) => {
                apt_was_tried = true;
                apt.install(&["chromium"])
            }
            Step::Download => {
                download_was_tried = true;
                download(node)
            }
            Step::GiveUp => bail!("no Chromium: put `chromium` or `google-chrome` on PATH"),
        };
        if let Err(error) = attempt {
            say(format!("{error:#}"));
        }
    }
}

/// A file of that name is not enough: Ubuntu's `chromium-browser` is a script that asks for a snap.
fn on_machine() -> Option<PathBuf> {
    NAMES.iter().filter_map(|name| on_path(name)).find(|program| starts(program))
}

fn playwright_has_its_own(node: &Node) -> bool {
    node.evaluate("console.log(require('@playwright/test').chromium.executablePath())")
        .is_some_and(|program| Path::new(program.trim()).exists())
}

/// Fetches Playwright's Chromium, with the libraries it needs where they can be installed.
fn download(node: &Node) -> Result<()> {
    say("fetching Playwright's Chromium");
    let with_libraries = Apt::find().map(|_| "--with-deps");
    run(node.tool("playwright").arg("install").args(with_libraries).arg("chromium"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: Facts =
        Facts { on_path: None, playwright_has_its_own: false, apt: Some(Apt::WithSudo), download_can_be_tried: true };

    #[test]
    fn a_browser_on_the_path_comes_first() {
        let program = PathBuf::from("chromium");
        let facts = Facts { on_path: Some(program.clone()), playwright_has_its_own: true, ..BARE };
        assert_eq!(next_step(facts), Step::Use(Chromium::Installed(program)));
    }

    #[test]
    fn a_browser_fetched_earlier_is_used_without_asking_the_network() {
        let facts = Facts { playwright_has_its_own: true, ..BARE };
        assert_eq!(next_step(facts), Step::Use(Chromium::Playwrights));
    }

    #[test]
    fn the_distributions_package_is_tried_before_the_download() {
        assert_eq!(next_step(BARE), Step::InstallPackage(Apt::WithSudo));
        assert_eq!(next_step(Facts { apt: None, ..BARE }), Step::Download);
    }

    #[test]
    fn nothing_is_tried_twice() {
        let facts = Facts { apt: None, download_can_be_tried: false, ..BARE };
        assert_eq!(next_step(facts), Step::GiveUp);
    }
}
