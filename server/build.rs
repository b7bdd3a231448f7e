//! Rebuilds the program when the console's files change: they are embedded in it.

fn main() {
    println!("cargo:rerun-if-changed=../target/site");
    println!("cargo:rerun-if-changed=build.rs");
}
