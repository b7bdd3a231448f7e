//! A load on a running Keepwatch, over real HTTP: sessions are registered, used, deleted and signed in at given rates.
//!
//! Requests are sent when they are due, while up to eight of a kind wait for their answers, and a delay counts from when a
//! request was due: a server that stands still does not look better for it. After each delete its token is tried
//! once more; if it is still let in, the program ends with an error. Only a server on this machine is loaded.

#[path = "load/connection.rs"]
mod connection;
#[path = "load/generator.rs"]
mod generator;
#[path = "load/schedule.rs"]
mod schedule;

use clap::Parser;

use crate::generator::{Cli, Report};

fn main() -> anyhow::Result<()> {
    let reports = generator::run(&Cli::parse())?;
    println!("| request | wanted | sent | p50 | p99 | longest |\n|---|---:|---:|---:|---:|---:|");
    for Report { name, rate, delays } in reports {
        println!("| {name} | {rate}/s | {delays}");
    }
    Ok(())
}
