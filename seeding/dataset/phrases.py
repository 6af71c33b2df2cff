"""What people write to, and about, an agency for studying abroad: templates for `make_pools`.

Indonesian first, English second, as in the chats that the dataset imitates. `{name}`, `{city}`,
`{country}` and the like are filled in by `seeding.dataset.make_pools`.
"""

from __future__ import annotations

INBOUND = (
    "Halo kak, saya {name} dari {city}, mau tanya soal kuliah di {country}",
    "Selamat pagi, apakah masih bisa daftar untuk intake {intake}?",
    "Kak, syarat IELTS untuk {programme} berapa ya? Saya baru dapat {score}",
    "Biaya hidup di {country} per bulan kira-kira berapa kak?",
    "Saya sudah kirim transkrip ke email, mohon dicek ya 🙏",
    "Kalau jurusan {programme} ada beasiswa nggak kak?",
    "Boleh minta brosur kampus di {country}?",
    "Orang tua saya ingin ikut konsultasi, bisa hari {day} jam {hour}?",
    "Maaf baru balas, kemarin masih ujian sekolah",
    "Kak, LoA saya sudah keluar belum ya?",
    "Berapa lama proses visa pelajar {country}?",
    "Saya lulusan SMK, apa bisa langsung ambil {programme}?",
    "Oke kak, terima kasih banyak infonya",
    "Baik, nanti saya diskusi dulu dengan keluarga",
    "Uang mukanya bisa dicicil nggak? Budget kami sekitar {amount} juta setahun",
    "Adik saya juga tertarik, namanya {name}, kelas 12",
    "Sertifikat TOEFL ITP saya {toefl}, masih berlaku?",
    "Kak {name} masih di kantor? Saya sudah di depan",
    "Siap 👍",
    "Hi, I saw your booth at the {city} education fair, can we talk about {country}?",
    "What is the tuition for {programme} in {country}, roughly?",
    "Is {intake} still open for {programme}?",
    "My IELTS is {score} overall but writing is 5.5, is that a problem?",
    "Could you send me the list of documents for the visa?",
    "Thanks! I'll get back to you after talking to my parents",
    "Can I work part time while studying in {country}?",
    "Do I need a health check before applying?",
    "I've paid the application fee, receipt attached",
    "Sorry, wrong file. This is the right passport scan",
    "Any update on my application? It has been {days} days",
    "ok noted 😊",
)

OUTBOUND = (
    "Halo kak {name}, terima kasih sudah menghubungi kami! Ada yang bisa dibantu?",
    "Untuk {programme} di {country}, syaratnya IELTS minimal {score} ya kak",
    "Intake berikutnya {intake}, pendaftaran ditutup {days} hari lagi",
    "Kami jadwalkan konsultasi hari {day} jam {hour}, bisa online atau di kantor {city}",
    "Mohon kirim paspor, transkrip dan sertifikat bahasa dalam bentuk PDF ya kak",
    "Biaya kuliahnya mulai {amount} juta rupiah per tahun, belum termasuk asrama",
    "Transkripnya sudah kami terima, sedang dicek oleh konselor {name}",
    "Visa pelajar {country} biasanya selesai dalam {days} hari kerja",
    "Selamat kak! LoA dari kampus sudah keluar 🎉",
    "Kami ada webinar tentang {country} hari {day} jam {hour}, gratis, mau ikut?",
    "Baik kak, ditunggu kabarnya",
    "Jangan lupa tes kesehatan sebelum tanggal {date} ya",
    "Hi {name}, thank you for reaching out. Which country are you thinking of?",
    "For {programme} in {country} you need IELTS {score}, no band below 5.5",
    "The {intake} intake closes in {days} days, shall we start the application?",
    "I can offer {day} at {hour}, online or at our {city} office. Which suits you?",
    "Please send your passport, transcript and language certificate as PDF",
    "We have received your documents, our counsellor {name} is reviewing them",
    "Tuition starts at {amount} million rupiah a year, housing not included",
    "Your conditional offer has arrived, congratulations!",
    "Students in {country} may work up to 20 hours a week during term",
    "Just checking in, did you have time to talk it over with your parents?",
    "The payment of {date} has been booked, thank you",
    "Our office is closed today. We will answer tomorrow from {hour}.",
)

MEDIA = (
    ("image", "ijazah_{name}.jpg"),
    ("image", "bukti transfer {date}"),
    ("image", "paspor_{name}.jpg"),
    ("document", "transkrip_{name}.pdf"),
    ("document", "IELTS_{score}_{name}.pdf"),
    ("document", "rekening_koran_{date}.pdf"),
    ("audio", "voice message, {days} s"),
)

NOTES = (
    "Tertarik {programme} di {country}, intake {intake}. Budget {amount} juta/tahun.",
    "Orang tua minta rincian biaya hidup di {city}. Kirim sebelum {date}.",
    "IELTS {score}, rencana ambil ulang {date}.",
    "Sudah konsultasi dengan {name}, lanjut ke pengumpulan dokumen.",
    "Belum respon sejak {date}, coba telepon hari {day} jam {hour}.",
    "Minta beasiswa; kalau tidak dapat, pindah ke {country2}.",
    "LoA {programme} keluar {date}, menunggu pembayaran deposit.",
    "Visa {country} ditolak sekali, perlu surat penjelasan.",
    "Referensi dari {name} (alumni {country}).",
    "Datang ke pameran di {city} bersama ibunya.",
    "Wants {programme} in {country} for {intake}; budget about {amount} million a year.",
    "IELTS {score}, retake booked for {date}.",
    "Parents prefer {country} over {country2}, mostly because of cost.",
    "Documents complete except the bank statement. Remind on {day}.",
    "Applied elsewhere as well; decides by {date}.",
    "Met at the fair in {city}, very motivated, call back {day} {hour}.",
    "Not reachable by phone, answers on WhatsApp in the evening.",
    "Gap year of {days} months explained by work at a family shop.",
    "Deposit paid {date}; hand over to the visa team.",
    "Asked for a refund of the application fee, see mail to {name}.",
)

COUNTRIES = (
    "Australia", "Jepang", "Jerman", "Inggris", "Belanda", "Malaysia", "Korea Selatan",
    "Kanada", "Selandia Baru", "Singapura", "Taiwan", "Turki",
)  # fmt: skip

PROGRAMMES = (
    "S1 Teknik Informatika", "S2 Data Science", "Nursing", "Hospitality", "MBA", "Foundation Year",
    "S1 Akuntansi", "Design", "Psychology", "Public Health", "Teknik Mesin", "Culinary Arts",
    "Civil Engineering", "D3 Keperawatan", "Film & Media", "Law",
)  # fmt: skip

DAYS = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu")

INTAKES = ("Februari", "April", "Juli", "September", "Oktober", "September 2025", "Februari 2026")

TAGS = (
    "ielts", "toefl", "scholarship", "australia", "japan", "germany", "uk", "netherlands",
    "malaysia", "korea", "canada", "undergraduate", "postgraduate", "nursing",
    "parents-decide", "needs-visa", "deposit-paid", "fair-2024", "webinar", "instagram",
    "referral", "orang tua", "prioritas ⭐",
)  # fmt: skip

MAIL_DOMAINS = (
    "gmail.com", "gmail.com", "gmail.com", "gmail.com", "yahoo.co.id", "yahoo.com", "outlook.com",
    "icloud.com",
)  # fmt: skip
