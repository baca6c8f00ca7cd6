// regulus completion bash: what the Tab key should offer, made from the command line's own description.
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

/// Long options of a command, and whether its first argument is a model's name.
std::string options_of(const CLI::App& command) {
    std::string words;
    for (const CLI::Option* option : command.get_options()) {
        for (const std::string& name : option->get_lnames()) words += (words.empty() ? "--" : " --") + name;
    }
    for (const CLI::App* inner : command.get_subcommands([](const CLI::App*) { return true; })) words += " " + inner->get_name();
    return words;
}

bool takes_model(const CLI::App& command) {
    for (const CLI::Option* option : command.get_options()) {
        if (option->get_positional() && option->get_name(true) == "NAME") return true;
    }
    return false;
}

std::string bash_script(const CLI::App& app) {
    std::string commands, cases, named;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        commands += (commands.empty() ? "" : " ") + command->get_name();
        cases += "        " + command->get_name() + ") words=\"" + options_of(*command) + "\" ;;\n";
        if (takes_model(*command)) named += (named.empty() ? "" : "|") + command->get_name();
    }
    return "# bash completion of regulus; load it with: source <(regulus completion bash)\n"
           "_regulus() {\n"
           "    local current=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\" words=\"\"\n"
           "    COMPREPLY=()\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        COMPREPLY=($(compgen -W \"" + commands + " --help --version\" -- \"$current\"))\n"
           "        return\n"
           "    fi\n"
           "    case \"$previous\" in\n"
           "        --device) COMPREPLY=($(compgen -W \"cpu reference cuda auto\" -- \"$current\")); return ;;\n"
           "        --model|show) COMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" zoo list --names 2>/dev/null)\" -- \"$current\")); return ;;\n"
           "    esac\n"
           "    case \"${COMP_WORDS[1]}\" in\n" + cases +
           "    esac\n"
           "    case \"${COMP_WORDS[1]}\" in\n"
           "        " + named + ") [ \"$COMP_CWORD\" -eq 2 ] && words=\"$words $(\"${COMP_WORDS[0]}\" zoo list --names 2>/dev/null)\" ;;\n"
           "    esac\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\") $(compgen -f -- \"$current\"))\n"
           "}\n"
           "complete -o filenames -F _regulus regulus\n";
}

}  // namespace

void add_completion(CLI::App& app, Outcome&) {
    auto shell = std::make_shared<std::string>();
    CLI::App* command = app.add_subcommand("completion", "Prints a script that teaches the shell's Tab key: source <(regulus completion bash)");
    command->add_option("SHELL", *shell, "bash")->required()->check(CLI::IsMember({"bash"}));
    command->callback([&app, shell] { print(bash_script(app)); });  // shell must live until parsing ends
}

}  // namespace tool
