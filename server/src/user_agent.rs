//! A User-Agent in words.

use woothee::parser::Parser;

/// `Chrome 156 on Linux`, `restic 0.18`, or nothing for an empty User-Agent. Costs some microseconds: done once for each
/// distinct value.
pub fn in_words(user_agent: &str) -> String {
    let known = Parser::new().parse(user_agent);
    let system = known.as_ref().map_or("", |result| system_in_words(result.os, user_agent));
    match known {
        Some(result) if result.name != "UNKNOWN" && result.category != "misc" && result.category != "crawler" => {
            let browser = browser_in_words(user_agent).unwrap_or_else(|| with_major(result.name, result.version));
            if system.is_empty() { browser } else { format!("{browser} on {system}") }
        }
        _ => product_in_words(user_agent),
    }
}

/// Browsers that name themselves beside the one they imitate.
fn browser_in_words(user_agent: &str) -> Option<String> {
    const MARKS: [(&str, &str); 7] = [
        ("Edg/", "Edge"),
        ("EdgA/", "Edge"),
        ("EdgiOS/", "Edge"),
        ("CriOS/", "Chrome"),
        ("FxiOS/", "Firefox"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
    ];
    MARKS.iter().find_map(|(mark, name)| {
        let (_, after) = user_agent.split_once(mark)?;
        Some(with_major(name, after))
    })
}

fn system_in_words<'a>(system: &'a str, user_agent: &str) -> &'a str {
    match system {
        "UNKNOWN" => "",
        "Mac OSX" => "macOS",
        "iPhone" | "iPad" | "iPod" | "Android" | "Linux" => system,
        _ if user_agent.contains("Windows") => "Windows",
        _ => system,
    }
}

fn with_major(name: &str, version: &str) -> String {
    let major: String = version.chars().take_while(char::is_ascii_digit).collect();
    if major.is_empty() { name.to_owned() } else { format!("{name} {major}") }
}

/// The first product of an agent that is no browser, at most 40 characters: `restic/0.18.0 (linux)` is `restic 0.18`.
fn product_in_words(user_agent: &str) -> String {
    let product = user_agent.split_whitespace().next().unwrap_or_default();
    let (name, version) = product.split_once('/').unwrap_or((product, ""));
    let version = version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    let words = if version.is_empty() { name.to_owned() } else { format!("{name} {version}") };
    words.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn browsers_are_told_by_name_major_version_and_system() {
        for (user_agent, words) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
                "Chrome 156 on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
                "Edge 156 on Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:147.0) Gecko/20100101 Firefox/147.0",
                "Firefox 147 on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1",
                "Safari 19 on iPhone",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15",
                "Safari 19 on macOS",
            ),
        ] {
            assert_eq!(in_words(user_agent), words);
        }
    }

    #[test]
    fn other_clients_are_told_by_their_product() {
        assert_eq!(in_words("restic/0.18.0 (linux/amd64)"), "restic 0.18");
        assert_eq!(in_words("davfs2/1.7 neon/0.32"), "davfs2 1.7");
        assert_eq!(in_words("backup agent"), "backup");
        assert_eq!(in_words(""), "");
    }
}
