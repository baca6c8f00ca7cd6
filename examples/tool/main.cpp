// The program `regulus`: detect objects on pictures, classify pictures, look into models and checkpoints, convert and verify them.
#include <csignal>
#include <new>

#include <CLI/CLI.hpp>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>

#include "command.hpp"
#include "terminal.hpp"

namespace {

std::string version() {
    return "regulus " + std::to_string(REGULUS_VERSION_MAJOR) + "." + std::to_string(REGULUS_VERSION_MINOR) + "." + std::to_string(REGULUS_VERSION_PATCH);
}

int fail(const std::string& text) {
    tool::talk(tool::coloured(2, tool::Colour::red, "regulus: ") + text + "\n");
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error to report, not a death
    CLI::App app{"Finds objects on pictures with RegNet and ResNet detectors; opens the checkpoints that PyTorch programs wrote.\n"
                 "First steps:\n"
                 "  regulus detect picture.jpg --draw out      the shipped detector: fasteners on a tray\n"
                 "  regulus classify --help                    which class is on a picture\n"
                 "  regulus train imagenet --help              teach a classifier\n"
                 "  regulus zoo list                           models that can be asked for by name\n"
                 "  regulus inspect checkpoint.pth             what a file holds (nothing in it is executed)\n"
                 "  regulus COMMAND --help                     options and examples of a command",
                 "regulus"};
    app.set_version_flag("--version", version());
    app.require_subcommand(1);
    app.footer("Exit codes: 0 ok, 1 a comparison failed, 2 usage or bad input. Results go to stdout, talk to stderr.");
    tool::Outcome outcome;
    tool::add_detect(app, outcome);
    tool::add_classify(app, outcome);
    tool::add_detect3d(app, outcome);
    tool::add_summary(app, outcome);
    tool::add_explain(app, outcome);
    tool::add_inspect(app, outcome);
    tool::add_convert(app, outcome);
    tool::add_verify(app, outcome);
    tool::add_bench(app, outcome);
    tool::add_eval(app, outcome);
    tool::add_train(app, outcome);
    tool::add_zoo(app, outcome);
    tool::add_completion(app, outcome);
    try {
        app.parse(argc, argv);
        return outcome.exit_code;
    } catch (const CLI::Success& help) {
        return app.exit(help);
    } catch (const CLI::ParseError& error) {
        return fail(std::string(error.what()) + " (regulus --help explains)");
    } catch (const regulus::Error& error) {
        return fail(error.what());
    } catch (const std::bad_alloc&) {
        return fail("the machine's memory does not suffice; try a smaller picture, batch or model");
    } catch (const std::exception& error) {
        return fail(error.what());
    }
}
