"""What models say when they decline, in the languages in which they are asked most, as RE2 patterns.

What counts is that the speaker does not do what was asked. That somebody cannot come, or that something cannot be
returned, is said with the same words and other verbs.
"""

# RE2's own \w knows ASCII only. A few words may stand between.
_WORDS = r"(?: [^\s,.;:!?]+){0,%d}"
_FEW, _SOME = _WORDS % 3, _WORDS % 7

_ENGLISH_NOT = (
    r"\bI(?: really| simply| just| also| truly)?(?: can(?:no|.)t| can not| could(?:n.| no)t| won.t| will not"
    r"| (?:cannot|can.t) and (?:will not|won.t)|(?: am|.m) (?:unable|not able|not allowed|not permitted|not qualified"
    r"|not going|not willing|not comfortable|not designed|not programmed)|(?: do not| don.t) feel comfortable"
    r"| decline| refuse)(?: (?:to|in|good|conscience|directly|ethically|personally|really|actually|provide|with|be"
    r"|able|safely|legally|you|currently|fully|morally|responsibly|view or)){0,3}"
)
_ENGLISH_DO = (
    r" (?:help(?:ing)?(?: (?:you|with|in|on|out|them|her|him|anyone|anybody|people)\b|[.,;:!?]|$)"
    r"|(?:assist|assisting|comply|fulfil|fulfill|answer (?:that|this|your)|respond to|provid(?:e|ing)|offer|share"
    r"|sharing|give (?:you|medical|legal|financial|advice|out)|generat(?:e|ing)|create|creating|write|writing|produce"
    r"|producing|discuss|discussing|engage|support (?:that|this)|participate|take part in (?:that|this)"
    r"|complete (?:that|this|your)|do (?:that|this|what you)|continue with|process (?:images|(?:that|this"
    r"|your) request)"
    r"|translate|summari[sz]e|analy[sz]e|access (?:the internet|links|web|websites|external|files|real)|browse"
    r"|open (?:links|files|web)|view (?:images|the image|pictures|the attachment|attachments|links|files)|identify"
    r"|disclose|verify (?:that|this)|reveal|carry out (?:that|this|your)|speculate|encourage|advise|roleplay"
    r"|pretend)\b)"
)
_ENGLISH = (
    _ENGLISH_NOT
    + _ENGLISH_DO
    + r"|\bI(?: must| have to| need to| will have to|.ll have to|(?: am|.m) going to"
    r" have to)?(?: respectfully| politely)? decline\b|\bI must(?: respectfully| politely)? refuse\b"
    r"|\bI.d (?:rather|prefer) not (?:to )?(?:answer|say|comment|discuss|share)"
    r"|\bI (?:must|have to|need to) refrain from|\bnot something (?:that )?I(?: can|.m| am| will| feel)\b"
    r"|\bwhat I(?:.m| am) (?:permitted|allowed|able) to\b"
    r"|\b(?:against|violates?|outside(?: of)?|beyond) my (?:guidelines|programming|polic|ethical|principles|safety|core"
    r"|capabilities|abilities|scope)"
    r"|\bI (?:do not|don.t) have (?:access to (?:real|the internet|live|current|your|external|personal|up|that|this"
    r"|any)|the ability to|the capability|real-time|personal (?:opinions|feelings|experiences)|any access)"
    r"|\bunable to (?:assist|help|comply|fulfil|fulfill)(?: you)? with (?:that|this|your)"
    r"|\bsorry,? (?:but )?(?:I )?(?:can.t|cannot) (?:do that|help|assist)"
)
_GERMAN = (
    r"\b(?:ich (?:kann|darf|werde|möchte|könnte)|(?:kann|darf|werde|möchte) ich)"
    + _SOME
    + r" (?:nicht|kein\pL*)"
    rf"{_SOME} (?:helfen|weiterhelfen|behilflich|unterstützen|beantworten|erfüllen|nachkommen|bereitstellen|geben"
    r"|erstellen|schreiben|verfassen|liefern|anbieten|teilen|generieren|übersetzen|zusammenfassen|erledigen"
    r"|mitwirken)\b"
    rf"|\b(?:bin ich|ich bin)(?: leider)? nicht (?:in der Lage|befugt|berechtigt)"
    rf"|\bkeine (?:Angaben|Auskunft|Auskünfte|Anleitung|Anleitungen) (?:dazu |dafür |hierzu )?(?:machen|geben)"
    rf"|\bmuss ich{_FEW} (?:ablehnen|verweigern)|\b(?:Anfrage|Bitte) (?:ablehnen|nicht (?:nachkommen|erfüllen))"
)
_FRENCH = (
    r"\bje ne (?:saurais|(?:peux|puis|pourrai|vais)(?: malheureusement)? pas)"
    + _FEW
    + r" (?:aider|assister|fournir"
    r"|répondre|conseiller|satisfaire|donner|créer|écrire|rédiger|générer|traiter|produire|participer|discuter|traduire"
    r"|faire (?:cela|ça)"
    r"|proposer|accepter)\b"
    r"|\bje ne suis(?: malheureusement)? pas (?:en mesure|autorisée?|capable|habilitée?) (?:de |d.|à )"
    r"|\bje (?:dois|me vois contraint de|préfère) (?:décliner|refuser)|\bm.est impossible de (?:vous|répondre|fournir)"
)
_SPANISH = (
    r"\bno (?:puedo|podré|podría|me es posible|estoy autorizad[oa] (?:a|para)|estoy en condiciones de"
    r"|soy capaz de|tengo permitido)"
    + _FEW
    + r" (?:ayudar|asistir|proporcionar|responder|cumplir|ofrecer|dar(?:te|le)"
    r"|crear|escribir|generar|acceder a (?:enlaces|internet)|participar|hacer eso|hacerlo|compartir"
    r"|traducir|facilitar|brindar|atender)\pL*"
    r"|\b(?:debo|tengo que) (?:rechazar|declinar)|\bme niego a\b"
)
_ITALIAN = (
    r"\bnon (?:posso|potrò|potrei|sono in grado di|mi è possibile|sono autorizzat[oa] a|mi è permesso)"
    + _FEW
    + r" (?:aiutar|assister|fornir|risponder|soddisfar|dart|darl|crear|scriver|generar"
    r"|acceder\pL* a (?:Internet|link)|partecipar|discuter"
    r"|farlo|tradurr|offrir|condivider)\pL*|\bdevo (?:rifiutare|declinare)|\bmi rifiuto di\b"
)
_PORTUGUESE = (
    r"\bnão (?:posso|poderei|poderia|consigo|estou autorizad[oa] a|sou capaz de|me é possível|tenho permissão para)"
    + _FEW
    + r" (?:ajud|auxili|fornec|respond|atend|cumpr|oferec|dar-lhe|cri|escrev|ger|acessar (?:sites|links"
    r"|a internet)|particip|discut|traduz"
    r"|compartilh)\pL*|\b(?:devo|tenho de|preciso) (?:recusar|declinar)"
)
_DUTCH = (
    r"\b(?:ik (?:kan|mag|zal|wil)|(?:kan|mag|zal|wil) ik)"
    + _SOME
    + r" (?:niet|geen)"
    + _SOME
    + r" (?:helpen"
    r"|assisteren|voldoen|beantwoorden|geven|verstrekken|maken|schrijven|genereren|delen|doen|bieden"
    r"|meewerken|vertalen)\b"
    r"|\b(?:ben ik|ik ben)(?: helaas)? niet in staat|\bmoet ik" + _FEW + r" (?:weigeren|afwijzen)"
)
_POLISH = (
    r"\bnie (?:mogę|jestem w stanie|wolno mi|będę mógł|będę w stanie)"
    + _FEW
    + r" (?:pomóc|pomagać|udzielić|udzielać"
    r"|odpowiedzieć|spełnić|stworzyć|napisać|podać|wygenerować|dostarczyć|uczestniczyć|przetłumaczyć)"
    r"|\bmuszę odmówić"
)
_RUSSIAN = (
    r"(?:^|[^\pL])не (?:могу|смогу|имею права|вправе|в состоянии)"
    + _FEW
    + r" (?:помочь|помогать|предоставить"
    r"|предоставлять|ответить|выполнить|создать|написать|дать|обсуждать|сгенерировать|участвовать|перевести)"
    r"|вынужден[аы]? отказать"
)
_CHINESE = (
    r"(?:我|抱歉|对不起)[^。!?\n]{0,12}(?:无法|不能|不可以|没有办法)[^。!?\n]{0,12}"
    r"(?:提供|协助|帮助|帮你|帮您|回答|满足|完成|生成|创作|撰写|讨论|分享|参与|翻译)"
)
_JAPANESE = (
    r"(?:手伝い|答え|提供|応え|対応|支援|作成|回答|協力|生成|翻訳|お伝え)(?:は|を|が|に|する|し|こと|いた){0,6}"
    r"(?:できません|できかねます|出来ません|しかねます)"
)

DECLINES = (
    f"(?i){_ENGLISH}|{_GERMAN}|{_FRENCH}|{_SPANISH}|{_ITALIAN}|{_PORTUGUESE}|{_DUTCH}|{_POLISH}"
    f"|{_RUSSIAN}|{_CHINESE}|{_JAPANESE}"
)
"""The speaker does not do it."""

MACHINES = (
    r"(?i)\bas an? (?:AI|artificial|large language|language model|virtual assistant|digital assistant)"
    r"|\bI(?: am|.m)(?: just| only| merely)? an? (?:AI|language model|large language)"
    r"|\bals (?:eine? )?(?:KI|künstliche|Sprachmodell|AI|taalmodel)"
    r"|\ben tant qu(?:e |.)(?:IA|intelligence|modèle|assistant)"
    r"|\bcomo (?:una? |um |uma )?(?:IA|inteligencia|inteligência|modelo de l|asistente|assistente)"
    r"|\b(?:come|in quanto) (?:un )?(?:IA|intelligenza artif|modello ling|assistente)"
    r"|\bjako (?:model językowy|AI|sztuczna)|как (?:языковая модель|ИИ|искусственн)"
    r"|作为(?:一个|一名|一款)?(?:AI|人工智能|语言模型|大型)|AI(?:アシスタント)?として|言語モデルとして"
)
"""The speaker says that it is a machine."""

APOLOGIES = (
    r"(?i)\bI(?: am|.m)(?: very| so| really| truly)? (?:sorry|afraid)\b|^sorry\b"
    r"|\bI (?:do )?apologi[sz]e\b|\bunfortunately\b"
    r"|\btut mir (?:sehr )?leid|\bleider\b|\bdésolée?\b|\bmalheureusement\b|\blo siento|\blamento\b|\bdisculp"
    r"|\bmi dispiace|\bspiacente|\bpurtroppo\b|\bdesculp|\bsinto muito|\binfelizmente|\bspijt me\b|\bhelaas\b"
    r"|\bprzepraszam|\bprzykro mi|\bniestety|извините|простите|к сожалению|抱歉|对不起|申し訳|すみません"
)
"""The speaker is sorry."""
