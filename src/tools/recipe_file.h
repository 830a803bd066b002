// Recipes: all options of a run in a TOML file, so that it can be kept, read and repeated.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tools/options.h"

namespace godwit::tools {

inline constexpr Option kRecipeOption = {"--recipe", OptionKind::kText, "JOB.toml",
                                         "options from a file; those on the command line win"};
inline constexpr Option kSaveRecipeOption = {"--save-recipe", OptionKind::kText, "JOB.toml",
                                             "write the recipe that repeats this run"};

/// The words with those of their --recipe put in where the command line does not say the same itself; as they are where
/// the verb takes no recipe or none is given.
Result<std::vector<std::string>> ExpandRecipe(const Verb& verb, std::span<char*> words);

/// What was given, but for what concerns the showing and the recipe itself.
std::string RecipeText(const Verb& verb, const Args& args);

}  // namespace godwit::tools
