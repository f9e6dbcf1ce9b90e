//! Variables as a shell reads them.
//!
//! Pure: texts in, text out. Every value is quoted so that the shell takes it as it is, whatever stands in it.

use std::path::Path;

use zeroize::Zeroizing;

/// A family of shells, by how they set variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "PowerShell is called so")]
pub(crate) enum Shell {
    /// Bourne's descendants: sh, bash, zsh, dash, ksh.
    Sh,
    /// fish.
    Fish,
    /// PowerShell.
    PowerShell,
}

impl Shell {
    /// Returns the family of a shell by its program, such as the value of `$SHELL`. `None` for those that set variables in
    /// another way, such as csh.
    pub(crate) fn of(program: &str) -> Option<Self> {
        let name = Path::new(program).file_stem()?.to_str()?.to_ascii_lowercase();
        match name.as_str() {
            "fish" => Some(Self::Fish),
            "powershell" | "pwsh" => Some(Self::PowerShell),
            "ash" | "bash" | "busybox" | "dash" | "ksh" | "ksh93" | "mksh" | "oksh" | "sh" | "yash"
            | "zsh" => Some(Self::Sh),
            _ => None,
        }
    }

    /// Returns the line that sets a variable for the programs that the shell starts.
    pub(crate) fn set(self, name: &str, value: &str) -> Zeroizing<String> {
        let value = self.quoted(value);
        Zeroizing::new(match self {
            Self::Sh => format!("export {name}={}", *value),
            Self::Fish => format!("set -gx {name} {}", *value),
            Self::PowerShell => format!("$env:{name} = {}", *value),
        })
    }

    /// Returns the line that takes a variable away, if it is there.
    pub(crate) fn unset(self, name: &str) -> String {
        match self {
            Self::Sh => format!("unset {name}"),
            Self::Fish => format!("set -e {name}"),
            Self::PowerShell => format!("Remove-Item Env:{name} -ErrorAction SilentlyContinue"),
        }
    }

    /// Quotes a value: in single quotes, within which each family knows its own few special characters.
    fn quoted(self, value: &str) -> Zeroizing<String> {
        let mut quoted = Zeroizing::new(String::with_capacity(value.len() + 2));
        quoted.push('\'');
        for c in value.chars() {
            match (self, c) {
                (Self::Sh, '\'') => quoted.push_str("'\\''"),
                (Self::Fish, '\'' | '\\') => quoted.extend(['\\', c]),
                // PowerShell takes the typographic quotes for the plain one.
                (Self::PowerShell, '\'' | '\u{2018}'..='\u{201b}') => quoted.extend([c, c]),
                _ => quoted.push(c),
            }
        }
        quoted.push('\'');
        quoted
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shells_are_known_by_their_program() {
        for (program, shell) in [
            ("/bin/bash", Some(Shell::Sh)),
            ("/usr/bin/zsh", Some(Shell::Sh)),
            ("dash", Some(Shell::Sh)),
            ("/usr/local/bin/fish", Some(Shell::Fish)),
            ("/opt/microsoft/powershell/7/pwsh", Some(Shell::PowerShell)),
            ("PowerShell.exe", Some(Shell::PowerShell)),
            ("/bin/tcsh", None),
            ("/bin/csh", None),
            ("/usr/bin/nu", None),
            ("", None),
        ] {
            assert_eq!(Shell::of(program), shell, "{program}");
        }
    }

    #[test]
    fn lines_are_as_each_shell_reads_them() {
        for (shell, value, set) in [
            (Shell::Sh, "it's \\ $HOME `x`", "export A='it'\\''s \\ $HOME `x`'"),
            (Shell::Sh, "", "export A=''"),
            (Shell::Fish, "it's \\ $HOME (x)", "set -gx A 'it\\'s \\\\ $HOME (x)'"),
            (Shell::Fish, "\\'", "set -gx A '\\\\\\''"),
            (Shell::PowerShell, "it's \\ $HOME `x`", "$env:A = 'it''s \\ $HOME `x`'"),
            (
                Shell::PowerShell,
                "\u{2018}\u{2019}\u{201a}\u{201b}",
                "$env:A = '\u{2018}\u{2018}\u{2019}\u{2019}\u{201a}\u{201a}\u{201b}\u{201b}'",
            ),
        ] {
            assert_eq!(*shell.set("A", value), set);
        }
        assert_eq!(Shell::Sh.unset("A"), "unset A");
        assert_eq!(Shell::Fish.unset("A"), "set -e A");
        assert_eq!(Shell::PowerShell.unset("A"), "Remove-Item Env:A -ErrorAction SilentlyContinue");
    }

    /// Lets a real shell read the lines, and returns what its child sees.
    fn read_back(lines: &str) -> String {
        let script = format!("{lines}\nprintf '%s' \"$(sh -c 'printf %s \"$VALUE.\"')\"");
        let output = Command::new("sh").args(["-c", &script]).output().expect("a shell");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("Unicode")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_real_shell_reads_what_was_written(value in "[^\0]{0,40}") {
            let seen = read_back(&Shell::Sh.set("VALUE", &value));
            prop_assert_eq!(seen, format!("{value}."));
        }
    }

    #[test]
    fn a_real_shell_takes_a_variable_away() {
        let lines = format!("{}\n{}", *Shell::Sh.set("VALUE", "x"), Shell::Sh.unset("VALUE"));
        assert_eq!(read_back(&lines), ".");
    }
}
