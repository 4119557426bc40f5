"""Rates of texts abroad, by dialling prefix: prefix, units a fragment costs, delivery receipts (yes or no), place.

Source: the facts of GOV.UK Notify's published table (notifications-utils 4825b66b, international_billing_rates.yml,
older than the snapshot that the contract was read from), where a country's receipts count only if its networks send
them and not merely the carrier. Multipliers follow gateway contracts: operators put their own over them (rates.py).
44 is what crown dependencies cost; a UK number costs 1 and is not looked up. A prefix that is absent is not supported.
"""

TABLE = """
1 1 no Canada, United States, Dominican Republic
7 4 yes Russia, Kazakhstan, Abkhazia, South Ossetia
20 3 yes Egypt
27 2 yes South Africa
30 2 yes Greece
31 3 yes Netherlands
32 3 yes Belgium
33 2 yes France
34 2 yes Spain
36 3 yes Hungary
39 2 yes Italy
40 2 yes Romania
41 2 yes Switzerland
43 3 yes Austria
44 1 yes Guernsey, Isle of Man, Jersey
45 2 yes Denmark
46 2 yes Sweden
47 3 yes Norway
48 2 yes Poland
49 4 yes Germany
51 2 yes Peru
52 2 no Mexico
53 2 yes Cuba
54 3 no Argentina
55 2 yes Brazil
56 1 no Chile
57 1 no Colombia
58 2 yes Venezuela
60 1 yes Malaysia
61 2 yes Australia
62 2 yes Indonesia
63 1 yes Philippines
64 3 yes New Zealand
65 1 yes Singapore
66 2 yes Thailand
81 3 yes Japan
82 2 yes South Korea
84 2 no Vietnam
86 2 no China
90 2 yes Turkey, Northern Cyprus
91 3 yes India
92 2 yes Pakistan
93 3 yes Afghanistan
94 2 yes Sri Lanka
95 2 yes Myanmar
98 2 yes Iran
211 2 no South Sudan
212 2 yes Morocco
213 2 yes Algeria
216 2 yes Tunisia
218 2 yes Libya
220 2 yes Gambia
221 2 yes Senegal
222 2 no Mauritania
223 2 yes Mali
224 3 yes Guinea
225 2 yes Ivory Coast
226 3 yes Burkina Faso
227 3 yes Niger
228 2 no Togo
229 3 no Benin
230 2 yes Mauritius
231 2 no Liberia
232 2 yes Sierra Leone
233 2 yes Ghana
234 4 yes Nigeria
235 3 yes Chad
236 3 no Central African Republic
237 2 yes Cameroon
238 3 no Cape Verde
239 2 no Sao Tome and Principe
240 2 no Equatorial Guinea
241 2 yes Gabon
242 3 yes Congo
243 3 yes Democratic Republic of the Congo
244 3 yes Angola
245 3 no Guinea-Bissau
246 2 no British Indian Ocean Territory
248 2 yes Seychelles
249 2 no Sudan
250 2 yes Rwanda
251 2 yes Ethiopia
252 2 no Somalia
253 2 no Djibouti
254 1 yes Kenya
255 1 yes Tanzania
256 2 yes Uganda
257 3 no Burundi
258 2 yes Mozambique
260 2 yes Zambia
261 2 yes Madagascar
262 2 no Reunion
263 1 no Zimbabwe
264 2 yes Namibia
265 2 yes Malawi
266 2 no Lesotho
267 2 yes Botswana
268 2 yes Eswatini
269 2 no Comoros
291 4 yes Eritrea
297 3 no Aruba
298 2 no Faroe Islands
299 2 no Greenland
350 2 yes Gibraltar
351 2 yes Portugal
352 2 yes Luxembourg
353 3 yes Ireland
354 2 yes Iceland
355 2 yes Albania
356 2 yes Malta
357 2 yes Cyprus
358 3 yes Finland
359 4 yes Bulgaria
370 2 yes Lithuania
371 2 yes Latvia
372 2 yes Estonia
373 3 no Moldova
374 3 yes Armenia
375 1 yes Belarus
376 2 yes Andorra
377 2 yes Monaco
378 3 no San Marino
380 4 yes Ukraine
381 1 yes Serbia
382 2 yes Montenegro
383 4 no Kosovo
385 2 yes Croatia
386 2 yes Slovenia
387 2 yes Bosnia and Herzegovina
389 1 yes North Macedonia
420 4 yes Czechia
421 2 yes Slovakia
423 1 yes Liechtenstein
500 2 yes Falkland Islands
501 3 yes Belize
502 3 yes Guatemala
503 2 yes El Salvador
504 2 no Honduras
505 3 no Nicaragua
506 2 yes Costa Rica
507 2 yes Panama
508 2 no Saint Pierre and Miquelon
509 3 no Haiti
590 2 yes Guadeloupe
591 3 yes Bolivia
592 2 yes Guyana
593 1 no Ecuador
594 2 no French Guiana
595 2 no Paraguay
596 2 no Martinique
597 4 no Suriname
598 1 yes Uruguay
599 3 yes Curacao
670 2 no East Timor
672 3 no Norfolk Island
673 1 yes Brunei
674 2 no Nauru
675 2 yes Papua New Guinea
676 2 no Tonga
677 1 no Solomon Islands
678 2 no Vanuatu
679 2 yes Fiji
680 3 no Palau
681 4 no Wallis and Futuna
682 3 no Cook Islands
683 4 no Niue
685 3 no Samoa
686 4 no Kiribati
687 3 yes New Caledonia
689 2 yes French Polynesia
690 4 no Tokelau
691 2 no Micronesia
692 1 no Marshall Islands
852 3 yes Hong Kong
853 1 yes Macau
855 3 yes Cambodia
856 2 yes Laos
880 3 yes Bangladesh
886 2 no Taiwan
960 2 no Maldives
961 2 yes Lebanon
962 2 yes Jordan
963 3 yes Syria
964 2 yes Iraq
965 2 yes Kuwait
966 2 yes Saudi Arabia
967 2 no Yemen
968 1 yes Oman
970 4 no Palestinian territories
971 2 yes United Arab Emirates
972 3 yes Israel
973 3 yes Bahrain
974 1 yes Qatar
975 2 no Bhutan
976 2 yes Mongolia
977 2 yes Nepal
992 2 yes Tajikistan
993 2 no Turkmenistan
994 2 yes Azerbaijan
995 2 yes Georgia
996 2 yes Kyrgyzstan
998 2 yes Uzbekistan
1242 2 no Bahamas
1246 3 no Barbados
1264 3 yes Anguilla
1268 3 yes Antigua and Barbuda
1284 3 yes British Virgin Islands
1345 3 yes Cayman Islands
1441 3 no Bermuda
1473 3 yes Grenada
1649 3 yes Turks and Caicos Islands
1664 3 yes Montserrat
1684 3 no American Samoa
1721 1 no Sint Maarten
1758 3 yes Saint Lucia
1767 3 yes Dominica
1784 3 yes Saint Vincent and the Grenadines
1868 3 no Trinidad and Tobago
1869 3 yes Saint Kitts and Nevis
1876 3 yes Jamaica
"""
