//! Builds the monitor again when the built web UI changes. Building the UI itself is
//! `cargo xtask ui`'s job; without it the monitor embeds a page that says so.

fn main() {
    println!("cargo:rerun-if-changed=ui/dist");
    println!("cargo:rerun-if-changed=build.rs");
}
