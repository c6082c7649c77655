//! The program `xwalk`: everything is in `face/cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    xwalk::face::cli::main()
}
