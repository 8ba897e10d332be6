"""The names of the months in languages other than English, whole and short, as Unicode's CLDR has them.

Left out are names that two languages give to different months (``listopad``), and those of two letters.
"""

from __future__ import annotations

__all__ = ["MONTHS"]

_NAMES = (
    (
        "ene enero gen gener gennaio ian ianuarie jaan jaanuar janeiro januar januari január januára janv janvier "
        "janvāris janúar jänner led leden ledna oca ocak saus sausio sausis sij siječanj siječnja sty styczeń "
        "stycznia tammi tammikuu tammikuuta xan xaneiro ιαν ιανουάριος ιανουαρίου сту студзень студзеня січ "
        "січень січня янв январь января яну януари јан јануар јануари қаң қаңтар հնվ հունվար հունվարի ינואר ינו׳ "
        "جانفي جنوری كانون_الثاني يناير ژانویه जनवरी जन॰ জানু জানুয়ারি იან იანვარი"
    ),
    (
        "febbraio feber febr febreiro febrer febrero februar februari februarie február februára februāris "
        "febrúar fev fevereiro févr février helmi helmikuu helmikuuta lut lutego luty vas vasario vasaris veebr "
        "veebruar velj veljača veljače úno únor února şub şubat φεβ φεβρουάριος φεβρουαρίου ақп ақпан лют лютага "
        "лютий лютого люты феб фебруар фев февр февраль февраля февруари փետրվար փետրվարի փտվ פברואר פבר׳ شباط "
        "فبراير فروری فوریه فيفري फ़रवरी फ़र॰ ফেব ফেব্রুয়ারি თებ თებერვალი"
    ),
    (
        "bře březen března kov kovas kovo maalis maaliskuu maaliskuuta maart mac machi marca marec maret mars "
        "mart martie marts marzec marzo març março mrt mrz márc március mär märts märz ožu ožujak ožujka μάρ "
        "μάρτιος μαρ μαρτίου бер березень березня мар март марта нау наурыз сак сакавік сакавіка մարտ մարտի մրտ "
        "מרץ آذار مارس مارچ मार्च মার্চ მარ მარტი"
    ),
    (
        "abr abril aprile aprili aprilie aprill apríl apríla aprīlis avr avril bal balandis balandžio dub duben "
        "dubna huhti huhtikuu huhtikuuta kwi kwiecień kwietnia nis nisan tra travanj travnja ápr április απρ "
        "απρίλιος απριλίου апр апрель апреля април квіт квітень квітня кра красавік красавіка сәу сәуір ապր ապրիլ "
        "ապրիլի אפריל אפר׳ آوریل أبريل أفريل إبريل اپریل نيسان अप्रैल এপ্রি এপ্রিল აპრ აპრილი"
    ),
    (
        "geg gegužė gegužės kvě květen května mag maggio mai maig maijs maio maj maja mayo mayıs maí mei máj mája "
        "május svi svibanj svibnja touko toukokuu toukokuuta μάι μάιος μαΐ μαΐου май мам мамыр мая мај трав "
        "травень травня մայիս մայիսի մյս מאי मई أيار مئی ماي مايو მაი მაისი"
    ),
    (
        "birž birželio birželis cze czerwca czerwiec giu giugno haz haziran iun iunie juin junho juni junij junio "
        "juny juuni jún júna június júní jūn jūnijs kesä kesäkuu kesäkuuta lipanj lipnja xuño červen června čvn "
        "ιουν ιουνίου ιούν ιούνιος июн июнь июня мау маусым черв червень червня чэр чэрвень чэрвеня юни јун јуни "
        "հնս հունիս հունիսի יוני جوان جون حزيران يونيو ژوئن जून জুন ივნ ივნისი"
    ),
    (
        "heinä heinäkuu heinäkuuta iul iulie juil juillet julai julho juli julij julio juliol juuli júl júla "
        "július júlí jūl jūlijs liep liepa liepos lipca lipiec lug luglio srpanj srpnja tem temmuz xul xullo "
        "července červenec čvc ιουλ ιουλίου ιούλ ιούλιος июл июль июля лип липень липня ліп ліпень ліпеня шіл "
        "шілде юли јул јули հլս հուլիս հուլիսի יולי تموز جولائی جويلية يوليو ژوئیه जुलाई जुल॰ জুল জুলাই ივლ "
        "ივლისი"
    ),
    (
        "ago agost agosti agosto agu agustus août augusta augusti augusts augustus augusztus avg avgust ağu "
        "ağustos elo elokuu elokuuta kol kolovoz kolovoza rugp rugpjūtis rugpjūčio sie sierpień sierpnia srpen "
        "srpna ágú ágúst αυγ αυγούστου αύγ αύγουστος авг август августа жні жнівень жніўня серп серпень серпня "
        "там тамыз օգոստոս օգոստոսի օգս אוגוסט אוג׳ آب أغسطس أوت اوت اگست अगस्त अग॰ আগস্ট აგვ აგვისტო"
    ),
    (
        "eyl eylül rugs rugsėjis rugsėjo ruj rujan rujna septemba septembra septembre septembrie septembris "
        "septiembre set setembre setembro settembre syys syyskuu syyskuuta szept szeptember wrz wrzesień września "
        "zář září σεπ σεπτέμβριος σεπτεμβρίου вер верасень верасня вересень вересня сент сентябрь сентября сеп "
        "септембар септември қыр қыркүйек սեպ սեպտեմբեր սեպտեմբերի ספטמבר ספט׳ أيلول سبتمبر ستمبر سپتامبر सितंबर "
        "सित॰ সেপ সেপ্ট সেপ্টেম্বর სექ სექტემბერი"
    ),
    (
        "eki ekim loka lokakuu lokakuuta octobre octombrie octubre okt oktoba oktober oktobris oktoober október "
        "októbra ott ottobre out outubro paź październik października spal spalio spalis říj říjen října οκτ "
        "οκτωβρίου οκτώβριος жовт жовтень жовтня кас кастрычнік кастрычніка окт октобар октомври октябрь октября "
        "қаз қазан հոկ հոկտեմբեր հոկտեմբերի אוקטובר אוק׳ أكتوبر اکتبر اکتوبر تشرين_الأول अक्टूबर अक्टू॰ অক্টো "
        "অক্টোবর ოქტ ოქტომბერი"
    ),
    (
        "kas kasım lapkr lapkritis lapkričio listopadu marras marraskuu marraskuuta noiembrie novemba novembra "
        "novembre novembris novembro noviembre nóv nóvember stu studeni studenoga νοέ νοέμβριος νοε νοεμβρίου "
        "лист листопад листопада ліс лістапад лістапада нов новембар ное ноември нояб ноябрь ноября қар қараша "
        "նոյ նոյեմբեր նոյեմբերի נובמבר נוב׳ تشرين_الثاني نوامبر نوفمبر نومبر नवंबर नव॰ নভে নভেম্বর ნოე ნოემბერი"
    ),
    (
        "ara aralık decembra decembrie decembris decembro des desemba desember desembre dets detsember dez "
        "dezember dezembro dic dicembre diciembre déc décembre gru grudnia grudzień gruod gruodis gruodžio joulu "
        "joulukuu joulukuuta pro prosinac prosinca prosince prosinec δεκ δεκέμβριος δεκεμβρίου груд грудень "
        "грудня дек декабрь декабря декември дец децембар жел желтоқсан сне снежань снежня դեկ դեկտեմբեր "
        "դեկտեմբերի דצמבר דצמ׳ دسامبر دسمبر ديسمبر كانون_الأول दिसंबर दिस॰ ডিসে ডিসেম্বর დეკ დეკემბერი"
    ),
)
MONTHS = {
    name.replace("_", " ").casefold(): number for number, names in enumerate(_NAMES, start=1) for name in names.split()
}
"""The number of each month by its name in small letters, as ``str.casefold`` makes them."""
