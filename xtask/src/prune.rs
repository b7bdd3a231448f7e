//! Leaves code out of the console that it carries and never runs.

use anyhow::{Result, anyhow};
use walrus::{FunctionBuilder, FunctionId, FunctionKind, Module, ModuleConfig};

use crate::steps::say;

/// Parts of the names of functions that never run: hydration that waits for suspended parts, of which no page has any;
/// hydration of templates, which no view is; and streams as bodies of server functions, of which none has one. Views carry
/// the first two behind pointers, and JavaScript could call the third, so that no compiler can tell. The compiler must not
/// have folded functions that are alike into one, which then runs under another's name (`-Zmerge-functions=disabled`).
const NEVER_RUN: [&str; 3] = ["hydrate_async", "hydrate_from_template", "into_underlying_"];

/// Has each function that never runs do nothing but trap. What only they call goes with them in the next pass.
///
/// # Errors
/// The WebAssembly cannot be read.
pub(crate) fn prune(wasm: &[u8]) -> Result<Module> {
    let mut module =
        ModuleConfig::new().parse(wasm).map_err(|error| anyhow!("the console cannot be read: {error:#}"))?;
    for part in NEVER_RUN {
        let never_run = functions(&module, part);
        if never_run.is_empty() {
            say(format!("console: nothing in it is named {part} any more, so it stays larger"));
        }
        never_run.into_iter().for_each(|id| trap(&mut module, id));
    }
    Ok(module)
}

/// The functions in whose names this occurs.
fn functions(module: &Module, part: &str) -> Vec<FunctionId> {
    // wasm-bindgen itself runs the functions that describe others to it.
    let is_meant = |name: &String| name.contains(part) && !name.contains("describe");
    let functions = module.funcs.iter_local().map(|(id, _)| id);
    functions.filter(|id| module.funcs.get(*id).name.as_ref().is_some_and(is_meant)).collect()
}

/// Has a function do nothing but trap.
fn trap(module: &mut Module, id: FunctionId) {
    let (parameters, results) = module.types.params_results(module.funcs.get(id).ty());
    let (parameters, results) = (parameters.to_vec(), results.to_vec());
    let mut trap = FunctionBuilder::new(&mut module.types, &parameters, &results);
    trap.func_body().unreachable();
    let arguments = parameters.iter().map(|parameter| module.locals.add(*parameter)).collect();
    module.funcs.get_mut(id).kind = FunctionKind::Local(trap.local_func(arguments));
}
