// For every unit test: the words of both languages are there, as in a page that knows them.

import { learn } from "./i18n";

await Promise.all([learn("en"), learn("zh-CN")]);
