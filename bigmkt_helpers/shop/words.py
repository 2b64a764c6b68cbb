"""The words of the shop: things and makes of each category, looks, names, cities; in English and Chinese.

Ten things and five makes in each category give its fifty products.  The words for the looks tell, in
three steps each, where a product lies on the three axes of style.  Names and cities are common ones drawn at
random; e-mail addresses end in domains reserved for examples, and no mobile number in China begins with 12.
"""

__all__ = ["CITIES", "GIVEN", "PRICE_FACTOR", "SURNAMES", "product"]

# things: English, Chinese, price relative to the category's typical price
THINGS = {
    "tea": (
        *(("green tea", "绿茶", 1.0), ("black tea", "红茶", 0.9), ("oolong", "乌龙茶", 1.2)),
        *(("white tea", "白茶", 1.5), ("dark tea cake", "黑茶饼", 1.8), ("jasmine tea", "茉莉花茶", 0.8)),
        *(("yellow tea", "黄茶", 1.6), ("chrysanthemum tea", "菊花茶", 0.5)),
        *(("tea sampler", "品鉴茶盒", 1.1), ("tea bags", "袋泡茶", 0.4)),
    ),
    "teaware": (
        *(
            ("teapot", "茶壶", 1.6),
            ("gaiwan", "盖碗", 0.9),
            ("tea tray", "茶盘", 1.8),
            ("tea cup", "茶杯", 0.4),
        ),
        *(("fairness pitcher", "公道杯", 0.6), ("tea caddy", "茶叶罐", 0.7), ("tea strainer", "茶漏", 0.3)),
        *(("travel tea set", "旅行茶具", 1.2), ("kettle", "烧水壶", 1.9), ("tea tools", "茶道六君子", 0.5)),
    ),
    "coffee": (
        *(
            ("espresso beans", "意式咖啡豆", 0.9),
            ("filter beans", "手冲咖啡豆", 1.1),
            ("dripper", "滤杯", 0.8),
        ),
        *(("hand grinder", "手摇磨豆机", 2.6), ("gooseneck kettle", "细口壶", 2.2), ("mug", "马克杯", 0.6)),
        *(("cold-brew bottle", "冷萃壶", 1.0), ("drip bags", "挂耳咖啡", 0.7), ("moka pot", "摩卡壶", 1.9)),
        ("milk jug", "拉花缸", 0.8),
    ),
    "cookware": (
        *(
            ("wok", "炒锅", 1.2),
            ("soup pot", "汤锅", 1.1),
            ("frying pan", "煎锅", 0.9),
            ("steamer", "蒸锅", 0.8),
        ),
        *(("casserole", "砂锅", 0.7), ("milk pan", "奶锅", 0.5), ("kitchen knife", "菜刀", 0.8)),
        *(("chopping board", "砧板", 0.4), ("pressure cooker", "压力锅", 1.9), ("griddle", "烤盘锅", 1.0)),
    ),
    "tableware": (
        *(("rice bowl", "饭碗", 0.5), ("dinner plate", "餐盘", 0.7), ("soup bowl", "汤碗", 0.6)),
        *(("chopsticks", "筷子", 0.6), ("serving dish", "盛菜盘", 1.1), ("wine glass", "酒杯", 0.9)),
        *(("cutlery set", "刀叉套装", 1.6), ("table runner", "桌旗", 1.0), ("noodle bowl", "面碗", 0.7)),
        ("sauce dish", "味碟", 0.3),
    ),
    "baking": (
        *(("cake tin", "蛋糕模", 0.8), ("bread tin", "吐司模", 1.0), ("rolling pin", "擀面杖", 0.6)),
        *(("mixing bowl", "打蛋盆", 0.9), ("mooncake mould", "月饼模", 0.7), ("whisk", "打蛋器", 0.5)),
        *(("kitchen scale", "厨房秤", 1.4), ("baking tray", "烤盘", 0.9), ("piping set", "裱花套装", 0.8)),
        ("bread flour", "高筋面粉", 0.5),
    ),
    "storage": (
        *(
            ("storage box", "收纳箱", 0.9),
            ("laundry basket", "脏衣篮", 1.1),
            ("drawer divider", "抽屉隔板", 0.5),
        ),
        *(("shoe rack", "鞋架", 1.8), ("hanger set", "衣架", 0.6), ("food container", "保鲜盒", 0.7)),
        *(("hook rail", "挂钩", 0.4), ("trolley", "小推车", 2.4), ("vacuum bags", "压缩袋", 0.6)),
        ("jewellery box", "首饰盒", 1.2),
    ),
    "bedding": (
        *(("duvet cover set", "四件套", 1.3), ("pillow", "枕头", 0.5), ("duvet", "被子", 1.6)),
        *(("blanket", "毯子", 0.8), ("mattress pad", "床垫", 1.5), ("pillowcase", "枕套", 0.3)),
        *(("summer quilt", "夏凉被", 0.9), ("bed sheet", "床单", 0.7), ("sleeping mat", "凉席", 0.8)),
        ("bedspread", "床盖", 1.1),
    ),
    "bath": (
        *(("bath towel", "浴巾", 1.0), ("face towel", "毛巾", 0.4), ("bath mat", "地垫", 0.8)),
        *(("shower curtain", "浴帘", 0.9), ("soap dish", "皂盒", 0.4), ("toothbrush cup", "漱口杯", 0.4)),
        *(("bathrobe", "浴袍", 2.4), ("bath salt", "浴盐", 0.7), ("shower head", "花洒", 1.9)),
        ("hair towel", "干发帽", 0.4),
    ),
    "lighting": (
        *(("desk lamp", "台灯", 0.8), ("floor lamp", "落地灯", 1.5), ("pendant lamp", "吊灯", 1.7)),
        *(("night light", "小夜灯", 0.3), ("wall lamp", "壁灯", 0.9), ("ceiling lamp", "吸顶灯", 1.4)),
        *(("string lights", "灯串", 0.3), ("reading lamp", "阅读灯", 0.7), ("lantern", "灯笼", 0.6)),
        ("mirror lamp", "镜前灯", 0.9),
    ),
    "candles": (
        *(("scented candle", "香薰蜡烛", 1.0), ("tea lights", "茶蜡", 0.4), ("incense sticks", "线香", 0.6)),
        *(("reed diffuser", "藤条香薰", 1.4), ("essential oil", "精油", 0.9), ("candlestick", "烛台", 1.2)),
        *(("incense burner", "香炉", 1.8), ("sachet", "香囊", 0.4), ("wax melts", "蜡块", 0.5)),
        ("oil burner", "扩香石", 0.7),
    ),
    "plants": (
        *(
            ("orchid", "兰花", 1.6),
            ("succulent", "多肉", 0.3),
            ("bonsai", "盆景", 2.2),
            ("fern", "蕨类", 0.6),
        ),
        *(("bamboo", "富贵竹", 0.7), ("vase", "花瓶", 1.1), ("flower pot", "花盆", 0.6)),
        *(("watering can", "浇水壶", 0.8), ("bouquet", "鲜花束", 1.5), ("seed kit", "种子盒", 0.4)),
    ),
}

# makes: English, Chinese
MAKES = {
    "tea": (("Longjing", "龙井"), ("Fuding", "福鼎"), ("Wuyi", "武夷"), ("Anxi", "安溪"), ("Yunnan", "云南")),
    "teaware": (
        *(("Celadon", "青瓷"), ("Blue-and-white", "青花")),
        *(("Yixing clay", "紫砂"), ("Glass", "玻璃"), ("Bamboo", "竹制")),
    ),
    "coffee": (
        *(
            ("Harbour", "海港"),
            ("Lane", "里弄"),
            ("Studio", "工坊"),
            ("Roaster", "烘焙师"),
            ("Weekend", "周末"),
        ),
    ),
    "cookware": (
        ("Hearth", "灶火"),
        ("Forge", "锻造"),
        ("Enamelled", "珐琅"),
        ("Steel", "不锈钢"),
        ("Stone", "麦饭石"),
    ),
    "tableware": (
        ("White", "素白"),
        ("Indigo", "靛蓝"),
        ("Sand", "沙色"),
        ("Cinnabar", "朱砂"),
        ("Jade", "玉色"),
    ),
    "baking": (
        ("Home", "家庭"),
        ("Atelier", "工坊"),
        ("Village", "乡村"),
        ("Golden", "金色"),
        ("Classic", "经典"),
    ),
    "storage": (
        ("Linen", "亚麻"),
        ("Cotton", "棉布"),
        ("Rattan", "藤编"),
        ("Acrylic", "亚克力"),
        ("Pine", "松木"),
    ),
    "bedding": (
        ("Cotton", "纯棉"),
        ("Tencel", "天丝"),
        ("Silk", "真丝"),
        ("Linen", "亚麻"),
        ("Wool", "羊毛"),
    ),
    "bath": (
        ("Cloud", "云朵"),
        ("Lagoon", "湖蓝"),
        ("Waffle", "华夫格"),
        ("Bamboo", "竹韵"),
        ("Hotel", "酒店"),
    ),
    "lighting": (
        ("Brass", "黄铜"),
        ("Copper", "紫铜"),
        ("Paper", "纸艺"),
        ("Glass", "玻璃"),
        ("Oak", "橡木"),
    ),
    "candles": (
        *(("Osmanthus", "桂花"), ("Jasmine", "茉莉")),
        *(("Sandalwood", "檀香"), ("Cedar", "雪松"), ("Citrus", "柑橘")),
    ),
    "plants": (
        *(("Balcony", "阳台"), ("Window", "窗边")),
        *(("Courtyard", "庭院"), ("Desk", "桌面"), ("Greenhouse", "温室")),
    ),
}

# looks: three steps on each axis of style
LOOKS = (
    (("traditional", "传统"), ("timeless", "耐看"), ("modern", "现代")),
    (("plain", "素雅"), ("patterned", "有花纹"), ("ornate", "华丽")),
    (("everyday", "日常"), ("well-made", "精致"), ("festive", "节庆")),
)
USES = (
    ("for every day", "适合每天使用"),
    ("for home and for guests", "自用待客皆宜"),
    ("for festivals and as a gift", "适合节日与送礼"),
)

PRICE_FACTOR = tuple(tuple(thing[2] for thing in things) for things in THINGS.values())
"""Price of each thing relative to its category's typical price: 12 × 10."""


def product(category: str, thing: int, make: int, level) -> dict:
    """Title, description and attributes of one product, in both languages.

    Parameters
    ----------
    category : str
    thing, make : int
        Places in the category's lists, 0 … 9 and 0 … 4.
    level : sequence of three int
        Step on each axis of style, 0 … 2.

    Returns
    -------
    dict
        title, title_zh, description, description_zh, attributes (words separated by "|").

    Examples
    --------
    >>> product("tea", 0, 0, (0, 1, 2))["description"]
    'Longjing green tea: traditional, patterned, festive; for festivals and as a gift.'
    """
    name, name_zh, _ = THINGS[category][thing]
    made, made_zh = MAKES[category][make]
    looks = [LOOKS[axis][step] for axis, step in enumerate(level)]
    title, title_zh = f"{made} {name}", f"{made_zh}{name_zh}"
    use, use_zh = USES[level[2]]
    return {
        "title": title,
        "title_zh": title_zh,
        "description": f"{title}: {', '.join(look for look, _ in looks)}; {use}.",
        "description_zh": f"{title_zh}：{'、'.join(look for _, look in looks)}，{use_zh}。",
        "attributes": "|".join([name, made.lower(), *(look for look, _ in looks)]),
    }


SURNAMES = (
    *(("王", "Wang"), ("李", "Li"), ("张", "Zhang"), ("刘", "Liu"), ("陈", "Chen"), ("杨", "Yang")),
    *(("黄", "Huang"), ("赵", "Zhao"), ("吴", "Wu"), ("周", "Zhou"), ("徐", "Xu"), ("孙", "Sun")),
    *(("马", "Ma"), ("朱", "Zhu"), ("胡", "Hu"), ("郭", "Guo"), ("何", "He"), ("高", "Gao")),
    *(("林", "Lin"), ("罗", "Luo"), ("郑", "Zheng"), ("梁", "Liang"), ("谢", "Xie"), ("宋", "Song")),
    *(("唐", "Tang"), ("许", "Xu"), ("韩", "Han"), ("冯", "Feng"), ("邓", "Deng"), ("曹", "Cao")),
    *(("彭", "Peng"), ("曾", "Zeng"), ("萧", "Xiao"), ("田", "Tian"), ("欧阳", "Ouyang"), ("吕", "Lü")),
)
"""Surnames, Chinese and pinyin."""

GIVEN = (
    *(("一", "yi"), ("子", "zi"), ("文", "wen"), ("明", "ming"), ("晓", "xiao"), ("雨", "yu")),
    *(("思", "si"), ("宇", "yu"), ("欣", "xin"), ("佳", "jia"), ("嘉", "jia"), ("安", "an")),
    *(("宁", "ning"), ("然", "ran"), ("清", "qing"), ("乐", "le"), ("怡", "yi"), ("琳", "lin")),
    *(("轩", "xuan"), ("泽", "ze"), ("涵", "han"), ("晨", "chen"), ("阳", "yang"), ("月", "yue")),
    *(("云", "yun"), ("景", "jing"), ("书", "shu"), ("悦", "yue"), ("航", "hang"), ("凡", "fan")),
)
"""Characters of given names, Chinese and pinyin; the same for all genders."""

CITIES = (
    (("北京", "Beijing"), ("上海", "Shanghai"), ("广州", "Guangzhou"), ("深圳", "Shenzhen")),
    (
        *(("成都", "Chengdu"), ("杭州", "Hangzhou"), ("重庆", "Chongqing"), ("武汉", "Wuhan")),
        *(("苏州", "Suzhou"), ("西安", "Xi'an"), ("南京", "Nanjing"), ("长沙", "Changsha")),
    ),
    (
        *(("厦门", "Xiamen"), ("福州", "Fuzhou"), ("昆明", "Kunming"), ("哈尔滨", "Harbin")),
        *(("济南", "Jinan"), ("温州", "Wenzhou"), ("南宁", "Nanning"), ("贵阳", "Guiyang")),
    ),
    (
        *(("绍兴", "Shaoxing"), ("洛阳", "Luoyang"), ("桂林", "Guilin"), ("银川", "Yinchuan")),
        *(("西宁", "Xining"), ("景德镇", "Jingdezhen"), ("宜昌", "Yichang"), ("漳州", "Zhangzhou")),
    ),
)
"""Cities of each tier, Chinese and pinyin."""
