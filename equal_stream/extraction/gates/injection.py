"""Does the pair speak to a machine, or push its reader, instead of saying something?

Crawled pages carry sentences meant for whoever reads them for a model. If the model obeyed, its output
shows it: assistant talk, orders to ignore orders, pieces of our own prompt, chat template marks. An honest
page about prompt injection loses a pair or two to this gate, which is the cheaper mistake.
"""

import re
import unicodedata

from equal_stream.extraction.gates.base import Candidate, PassageView
from equal_stream.extraction.locate import normal_form

_ORDERS = r"(?:instructions?|prompts?|directions?|directives?|rules|orders|commands|guidelines|messages?)"
_EARLIER = r"(?:previous|prior|above|earlier|preceding|foregoing|existing|original|system|initial)"
_EARLIER_ZH = r"(?:之前|以前|以上|上述|先前|所有|前面|任何)"
_IGNORE_ORDERS = (
    rf"\b(?:ignore|disregard|forget|override|bypass)\b[^.?!]{{0,40}}\b{_EARLIER}\b[^.?!]{{0,30}}\b{_ORDERS}\b",
    rf"\b(?:ignore|disregard|forget|override)\b (?:all |any |your |the |these |my ){{1,3}}{_ORDERS}\b",
    r"\b(?:ignorier|vergiss|missacht)\w*\b[^.?!]{0,60}\b(?:anweisung|instruktion|vorgabe|befehl)\w*",
    r"\b(?:ignore|oublie|ne tenez pas compte)\w*\b[^.?!]{0,40}\b(?:instructions|consignes|directives)\b",
    r"\b(?:ignora|olvida|omite)\w*\b[^.?!]{0,40}\b(?:instrucciones|indicaciones|órdenes)\b",
    rf"(?:忽略|无视|無視|忘记|忘記)[^。？！]{{0,6}}{_EARLIER_ZH}[^。？！]{{0,8}}(?:指令|指示|提示|命令)",
    r"(?:игнорируй|забудь)\w*[^.?!]{0,40}(?:инструкци|указани|команд)",
    r"(?:تجاهل|انس)[^.؟!]{0,40}(?:التعليمات|الأوامر)",
)
_MODEL = r"(?:ai\b|artificial intelligence|large language model|language model|llm\b)"
_ASSISTANT_TALK = (
    rf"\bas an? (?:helpful )?(?:{_MODEL}|assistant)(?: (?:language )?(?:model|assistant))?,? (?:i|my)\b",
    rf"\bi(?:'m| am) (?:just |only )?(?:chatgpt|an? {_MODEL})",
    r"\bi(?:'m| am) sorry,? but i (?:can(?:no|')t|am unable|am not able)",
    r"\bi (?:can(?:no|')t|am unable to|am not able to|won't) (?:assist|help|comply|fulfil?l|provide that)\b",
    rf"\byou are (?:now |from now on )?(?:chatgpt|dan\b|an? (?:unrestricted|jailbroken|{_MODEL}))",
    r"\b(?:developer mode (?:enabled|on)|do anything now|jailbreak(?:en|ed)? mode)\b",
)
_PIECES_OF_PROMPTS = (
    r"\b(?:my|your|our|(?:reveal|print|repeat|show) the) (?:hidden )?(?:system|developer) (?:prompt|message)",
    r"\b(?:my|your|our) initial instructions",
    r"<\\*\s*/?\s*passage\b",
    r"<\|[a-z_]+\|>|\[/?INST\]|<<SYS>>|<(?:start|end)_of_turn>|\A(?:system|assistant|user)\s*:\s",
    r"write question-answer pairs for training",
)
_PUSHING = (
    r"\A(?:please )?(?:click|tap) (?:here|the link|below|on the (?:link|button))\b",
    r"\b(?:subscribe to our (?:newsletter|channel)|sign up (?:now|today))\b",
    r"\bfollow us on (?:twitter|facebook|x|instagram)\b",
)
_ATTACK = re.compile(
    "|".join([*_IGNORE_ORDERS, *_ASSISTANT_TALK, *_PIECES_OF_PROMPTS, *_PUSHING]), re.IGNORECASE
)


def speaks_to_the_reader(pair: Candidate, _passage: PassageView) -> str | None:
    """Refuse a pair whose question or answer carries instructions instead of knowledge."""
    for text in (pair.question, pair.answer):
        if _ATTACK.search(unicodedata.normalize("NFKC", normal_form(text))):
            return "instruction-to-reader"
    return None
