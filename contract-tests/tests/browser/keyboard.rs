//! The page is used with the keyboard alone.

use contract_tests::{
    engine::contract::Document,
    harness::browser::{
        chromium::Outcome,
        swagger_ui::{Page, Shown},
    },
};
use serde_json::json;
use thirtyfour::{Key, TypingData};

use crate::Scene;

const BUTTON: &str = ".auth-wrapper .authorize";

/// Presses a key in the focused element.
async fn press(page: &Page<'_>, keys: impl Into<TypingData>) -> Outcome {
    Ok(page.tab.driver.active_element().await?.send_keys(keys).await?)
}

/// Whether the element that has the focus fits `selector`.
async fn has_focus(page: &Page<'_>, selector: &str) -> Outcome<bool> {
    let script = format!("return document.activeElement.matches('{selector}')");
    Ok(page.tab.driver.execute(script, []).await?.json() == true)
}

async fn open_dialog(page: &Page<'_>) -> Outcome {
    page.tab.driver.execute(format!("document.querySelector('{BUTTON}').focus()"), []).await?;
    press(page, Key::Enter).await?;
    page.see(".dialog-ux input").await?;
    assert!(has_focus(page, ".dialog-ux input").await?, "the field for the token has the focus");
    // What has no size, or is behind something, is not where it says that it is.
    let is_in_sight = "const box = document.activeElement.getBoundingClientRect();
        return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === document.activeElement";
    assert_eq!(page.tab.driver.execute(is_in_sight, []).await?.json(), true, "the field can be seen");
    Ok(())
}

/// Tab goes around in the dialog, also after the field of the token is gone.
pub(crate) fn stays_in_the_dialog(scene: &Scene, document: &Document) -> Outcome {
    scene.look(document.service, async |page, address| {
        open_dialog(&page).await?;
        let goes_around = async || -> Outcome {
            let mut is_at_close = false;
            for step in 0..12 {
                press(&page, Key::Tab).await?;
                // Beyond the last element is the window of the browser, which a page sees as its body.
                assert!(has_focus(&page, ".dialog-ux *, dialog, body").await?, "step {step}");
                is_at_close |= has_focus(&page, ".dialog-ux .btn-done").await?;
            }
            assert!(is_at_close, "the button that closes the dialog can be reached");
            Ok(())
        };
        goes_around().await?;
        page.see(".dialog-ux input").await?.send_keys(&address.token).await?;
        page.see(".dialog-ux input").await?.send_keys(Key::Enter).await?;
        page.see(".auth-wrapper .authorize.locked").await?;
        goes_around().await
    })
}

pub(crate) fn leaves_the_dialog(scene: &Scene, document: &Document) -> Outcome {
    scene.look(document.service, async |page, address| {
        let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
        page.tab.driver.cdp().send_raw("Emulation.setEmulatedMedia", dark).await?;
        open_dialog(&page).await?;
        press(&page, Key::Escape).await?;
        page.is_gone(".dialog-ux").await?;
        page.see(&format!("{BUTTON}:focus")).await?;
        let light = json!({ "features": [{ "name": "prefers-color-scheme", "value": "light" }] });
        page.tab.driver.cdp().send_raw("Emulation.setEmulatedMedia", light).await?;
        // It can be opened again, and what was given there is used.
        open_dialog(&page).await?;
        press(&page, address.token.clone() + Key::Enter).await?;
        page.see(".auth-wrapper .authorize.locked").await?;
        press(&page, Key::Escape).await?;
        page.is_gone(".dialog-ux").await?;
        page.see(&format!("{BUTTON}:focus")).await?;
        let (_, Shown { status, body }) = page.try_out(&document.operations[0]).await?;
        assert!(status.starts_with('2'), "{status}: {body}");
        Ok(())
    })
}
