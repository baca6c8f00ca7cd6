#pragma once
#include <regulus/core/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

#include <regulus/core/real_number.hpp>
#include <regulus/core/utf8.hpp>

namespace regulus {

namespace detail {

class JsonParser {
public:
    JsonParser(std::string_view text, const std::string& who, const JsonLimits& limits) : text_(text), who_(who), limits_(limits) {}

    Json document() {
        const std::size_t bad = invalid_utf8_at(text_);
        if (bad != text_.size()) fail(bad, "the text is not UTF-8");
        Json result = value(0);
        skip_space();
        if (at_ != text_.size()) fail(at_, "text after the value");
        return result;
    }

private:
    [[noreturn]] void fail(std::size_t at, const std::string& what) const { throw FileError(who_ + ": offset " + std::to_string(at) + " of the JSON text: " + what); }

    void skip_space() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
    }

    bool take(char c) {
        if (at_ < text_.size() && text_[at_] == c) {
            ++at_;
            return true;
        }
        return false;
    }

    void expect(char c) {
        skip_space();
        if (!take(c)) fail(at_, std::string("expected '") + c + "'");
    }

    Json word(std::string_view spelled, Json meaning) {
        if (text_.substr(at_, spelled.size()) != spelled) fail(at_, "expected a value");
        at_ += spelled.size();
        return meaning;
    }

    Json value(std::size_t depth) {
        skip_space();
        if (at_ == text_.size()) fail(at_, "the text ends where a value should stand");
        if (++values_ > limits_.values) fail(at_, "more than " + std::to_string(limits_.values) + " values");
        switch (text_[at_]) {
            case '{': return object(depth + 1);
            case '[': return array(depth + 1);
            case '"': return Json(string());
            case 't': return word("true", Json(true));
            case 'f': return word("false", Json(false));
            case 'n': return word("null", Json());
            default: return number();
        }
    }

    void check_depth(std::size_t depth) const {
        if (depth > limits_.depth) fail(at_, "nested deeper than " + std::to_string(limits_.depth));
    }

    Json array(std::size_t depth) {
        check_depth(depth);
        ++at_;
        Json::Array items;
        skip_space();
        if (take(']')) return Json(std::move(items));
        for (;;) {
            items.push_back(value(depth));
            skip_space();
            if (take(']')) return Json(std::move(items));
            expect(',');
        }
    }

    Json object(std::size_t depth) {
        check_depth(depth);
        const std::size_t begin = at_++;
        Json::Object members;
        skip_space();
        if (!take('}')) {
            for (;;) {
                skip_space();
                if (at_ == text_.size() || text_[at_] != '"') fail(at_, "expected a name in double quotes");
                std::string name = string();
                expect(':');
                members.emplace_back(std::move(name), value(depth));
                skip_space();
                if (take('}')) break;
                expect(',');
            }
        }
        check_distinct(members, begin);
        return Json(std::move(members));
    }

    void check_distinct(const Json::Object& members, std::size_t begin) const {
        std::vector<std::string_view> names;
        names.reserve(members.size());
        for (const auto& member : members) names.push_back(member.first);
        std::sort(names.begin(), names.end());
        const auto twice = std::adjacent_find(names.begin(), names.end());
        if (twice != names.end()) fail(begin, "the object has " + json_quote(twice->substr(0, 200)) + " twice");
    }

    std::uint32_t hex4() {
        if (text_.size() - at_ < 4) fail(at_, "expected four hexadecimal digits after \\u");
        std::uint32_t code = 0;
        const auto result = std::from_chars(text_.data() + at_, text_.data() + at_ + 4, code, 16);
        if (result.ptr != text_.data() + at_ + 4) fail(at_, "expected four hexadecimal digits after \\u");
        at_ += 4;
        return code;
    }

    void escape(std::string& out) {
        if (at_ == text_.size()) fail(at_, "the text ends within a string");
        const char c = text_[at_++];
        switch (c) {
            case '"': case '\\': case '/': out += c; return;
            case 'b': out += '\b'; return;
            case 'f': out += '\f'; return;
            case 'n': out += '\n'; return;
            case 'r': out += '\r'; return;
            case 't': out += '\t'; return;
            case 'u': break;
            default: fail(at_ - 1, "unknown escape");
        }
        std::uint32_t code = hex4();
        if (code >= 0xD800 && code <= 0xDFFF) {
            if (code >= 0xDC00 || text_.substr(at_, 2) != "\\u") fail(at_, "a surrogate without its partner");
            at_ += 2;
            const std::uint32_t low = hex4();
            if (low < 0xDC00 || low > 0xDFFF) fail(at_, "a surrogate without its partner");
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        append_utf8(out, code);
    }

    std::string string() {
        ++at_;
        std::string out;
        for (;;) {
            const std::size_t begin = at_;
            while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' && static_cast<unsigned char>(text_[at_]) >= 0x20) ++at_;
            out.append(text_, begin, at_ - begin);
            if (at_ == text_.size()) fail(at_, "the text ends within a string");
            const char c = text_[at_];
            if (c != '"' && c != '\\') fail(at_, "a control character in a string");
            ++at_;
            if (c == '"') return out;
            escape(out);
        }
    }

    std::size_t digits() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
        if (at_ == begin) fail(at_, "expected a value");
        return at_ - begin;
    }

    Json number() {
        const std::size_t begin = at_;
        take('-');
        const bool leading_zero = at_ < text_.size() && text_[at_] == '0';
        if (digits() > 1 && leading_zero) fail(begin, "a number with a leading zero");
        bool integral = true;
        if (take('.')) {
            integral = false;
            digits();
        }
        if (take('e') || take('E')) {
            integral = false;
            if (!take('+')) take('-');
            digits();
        }
        const char* const first = text_.data() + begin;
        const char* const last = text_.data() + at_;
        if (integral) {
            std::int64_t whole = 0;
            if (std::from_chars(first, last, whole).ec == std::errc()) return Json(whole);
        }
        double real = 0;
        const auto result = real_from_chars(first, last, real);
        if (result.ec == std::errc::result_out_of_range) {
            // It says the same for what is too large and what is too near to zero; only the latter has a harmless meaning
            std::size_t exponent = 0;
            for (exponent = begin; exponent < at_ && text_[exponent] != 'e' && text_[exponent] != 'E'; ++exponent) {}
            const bool tiny = text_.substr(exponent, at_ - exponent).find('-') != std::string_view::npos;
            if (!tiny) fail(begin, "a number too large");
            real = 0;
        }
        return Json(real);
    }

    std::string_view text_;
    const std::string& who_;
    JsonLimits limits_;
    std::size_t at_ = 0;
    std::size_t values_ = 0;
};

}  // namespace detail

REGULUS_INLINE Json parse_json(std::string_view text, const std::string& who, const JsonLimits& limits) { return detail::JsonParser(text, who, limits).document(); }

REGULUS_INLINE std::string json_quote(std::string_view text) {
    static constexpr char hex[] = "0123456789abcdef";
    std::string out = "\"";
    while (!text.empty()) {
        const std::size_t valid = invalid_utf8_at(text);
        for (const char c : text.substr(0, valid)) {
            switch (c) {
                case '"': out += "\\\""; break;
                case '\\': out += "\\\\"; break;
                case '\n': out += "\\n"; break;
                case '\r': out += "\\r"; break;
                case '\t': out += "\\t"; break;
                default:
                    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
                        out += "\\u00";
                        out += hex[(c >> 4) & 0xF];
                        out += hex[c & 0xF];
                    } else {
                        out += c;
                    }
            }
        }
        text.remove_prefix(valid);
        if (!text.empty()) {
            out += "\xEF\xBF\xBD";
            text.remove_prefix(1);
        }
    }
    return out + "\"";
}

}  // namespace regulus
