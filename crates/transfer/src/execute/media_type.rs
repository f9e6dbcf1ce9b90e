//! Media types by the extension of a file: what a browser needs to show an object instead of saving it.
//!
//! Pure.

use std::path::Path;

/// Guesses the media type of a file, `None` where its extension tells nothing.
pub fn media_type(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match extension.as_str() {
        "7z" => "application/x-7z-compressed",
        "avif" => "image/avif",
        "bmp" => "image/bmp",
        "bz2" => "application/x-bzip2",
        "css" => "text/css; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "epub" => "application/epub+zip",
        "flac" => "audio/flac",
        "gif" => "image/gif",
        "gz" | "tgz" => "application/gzip",
        "heic" => "image/heic",
        "htm" | "html" => "text/html; charset=utf-8",
        "ico" => "image/x-icon",
        "jpeg" | "jpg" => "image/jpeg",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "m4a" => "audio/mp4",
        "md" => "text/markdown; charset=utf-8",
        "mkv" => "video/x-matroska",
        "mov" => "video/quicktime",
        "mp3" => "audio/mpeg",
        "mp4" | "m4v" => "video/mp4",
        "odt" => "application/vnd.oasis.opendocument.text",
        "ogg" | "oga" => "audio/ogg",
        "otf" => "font/otf",
        "parquet" => "application/vnd.apache.parquet",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "ppt" => "application/vnd.ms-powerpoint",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "svg" => "image/svg+xml",
        "tar" => "application/x-tar",
        "tif" | "tiff" => "image/tiff",
        "toml" => "application/toml",
        "ttf" => "font/ttf",
        "txt" | "log" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        "wav" => "audio/wav",
        "webm" => "video/webm",
        "webp" => "image/webp",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "xls" => "application/vnd.ms-excel",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xml" => "application/xml",
        "yaml" | "yml" => "application/yaml",
        "zip" => "application/zip",
        "zst" => "application/zstd",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_in_any_letter_case() {
        for (path, expected) in [
            ("a/b.JPG", Some("image/jpeg")),
            ("index.html", Some("text/html; charset=utf-8")),
            ("archive.tar.gz", Some("application/gzip")),
            ("noextension", None),
            (".json", None),
            ("a.unheard-of", None),
        ] {
            assert_eq!(media_type(Path::new(path)), expected, "{path}");
        }
    }
}
