//! `openapi/README.md` as a list of clients: files, and the commands between them.

use std::{fs, iter};

use contract_tests::engine::deployment::folder;

/// A section of the page.
pub(crate) struct Section {
    /// Such as `python_with_openapi_python_client`.
    pub(crate) name: String,
    blocks: Vec<Block>,
}

/// A block of code.
struct Block {
    /// The language, and the path of a file after it.
    info: String,
    text: String,
}

impl Section {
    /// The sections with code.
    pub(crate) fn all() -> Vec<Self> {
        let page = fs::read_to_string(folder().join("README.md")).expect("a page");
        let sections = page.split("\n## ").skip(1).map(Self::read);
        sections.filter(|section| !section.blocks.is_empty()).collect()
    }

    fn read(text: &str) -> Self {
        let mut lines = text.lines();
        let title = lines.next().unwrap_or_default();
        let word = |character: char| if character.is_alphanumeric() { character } else { '_' };
        let blocks = iter::from_fn(|| {
            let info = lines.find_map(|line| line.strip_prefix("```"))?.to_owned();
            let text = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n"));
            Some(Block { info, text: text.collect() })
        });
        Self { blocks: blocks.collect(), name: title.to_lowercase().chars().map(word).collect() }
    }

    /// Paths and texts of the files.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        let named = self.blocks.iter().filter_map(|block| Some((block.info.split_once(' ')?.1, block)));
        named.map(|(path, block)| (path, &*block.text))
    }

    /// The commands that install, that generate, and that run the program.
    pub(crate) fn commands(&self) -> [&str; 3] {
        let commands = self.blocks.iter().filter(|block| block.info == "sh");
        let commands: Vec<&str> = commands.map(|block| &*block.text).collect();
        commands
            .try_into()
            .unwrap_or_else(|all| panic!("{}: not three blocks of commands: {all:?}", self.name))
    }
}
